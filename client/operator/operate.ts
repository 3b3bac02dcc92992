import type { Client } from '@temporalio/client';
import type { Migration } from '../../model/migration.ts';
import { assertStoresFit } from '../stores-fit.ts';
import { assertKeyFits } from '../temporal/key-check.ts';
import { connectToOperate } from '../temporal/operator-connection.ts';
import { openHeardStores } from './heard-stores.ts';
import { JournalControl } from './journal-control.ts';
import { MigrationControl } from './migration-control.ts';
import { ReconciliationControl } from './reconciliation.ts';

export interface OperateOptions {
  /** Where connection strings are read from. @default process.env */
  readonly environment?: NodeJS.ProcessEnv;
  /** A Temporal client of the caller's own; it is not closed with this. @default one that the environment names */
  readonly temporal?: Client;
  /** Goes on where a store is unavailable or prepared for another definition: for what must always be answered. @default false */
  readonly unchecked?: boolean;
  /**
   * How long a worker may take to answer for the migration, in milliseconds, before `NoWorker` is thrown. Nothing is sent to the
   * migration then. @default as long as Temporal waits: a question for about 10 s, a command until a worker takes it
   */
  readonly answerWithinMs?: number;
}

/** What an operator's program does with a migration. */
export interface Operator extends AsyncDisposable {
  /** Starts the migration, shows its status, and sends its commands. */
  readonly control: MigrationControl;
  /** The journals of both stores: list, find, retry. */
  readonly journal: JournalControl;
  /** Compares the stores, lists differences, repairs. */
  readonly reconciliation: ReconciliationControl;
  close(): Promise<void>;
}

/**
 * Connects to Temporal and to both stores, and checks that they are prepared. The store that is not the primary may be down.
 * Throws `NotPrepared`, `InvalidDefinition` or `StoreUnavailable`.
 *
 * @example
 * await using operator = await operate(migration);
 * await operator.control.send('advance');
 */
export async function operate(migration: Migration, options: OperateOptions = {}): Promise<Operator> {
  const { environment = process.env, answerWithinMs = null } = options;
  const stores = openHeardStores(migration, environment);
  const release: (() => Promise<void>)[] = [() => stores.legacy.close(), () => stores.modern.close()];
  const close = async () => {
    for (const closing of release.splice(0).toReversed()) await closing();
  };
  try {
    const open = { migration, stores };
    if (!options.unchecked) await assertStoresFit(open);
    const temporal = options.temporal ?? (await connectToOperate(environment));
    if (!options.temporal) {
      release.push(() => temporal.connection.close());
      await assertKeyFits(temporal, migration.name, environment);
    }
    return {
      control: new MigrationControl(temporal, open, answerWithinMs),
      journal: new JournalControl(temporal, open, answerWithinMs),
      reconciliation: new ReconciliationControl(temporal, open, answerWithinMs),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
