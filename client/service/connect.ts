import type { Client } from '@temporalio/client';
import { openStores } from '../../databases/open.ts';
import type { Ack, Entity, Pattern } from '../../model/entity.ts';
import { entityNamed, type Migration } from '../../model/migration.ts';
import { HybridClock } from '../../model/version.ts';
import { assertStoresFit } from '../stores-fit.ts';
import { connectTemporal } from '../temporal/connection.ts';
import { createDurableFlags, type Flags } from './flags.ts';
import { Repository, type RepositoryParts } from './repository.ts';
import { RouteCache } from './route-cache.ts';
import { ShadowReads } from './shadow.ts';
import {
  type CommitReceipt,
  type TransactionItem,
  type TransactionOptions,
  Transactions,
} from './transaction.ts';
import { TransactionProbe } from './transaction-probe.ts';
import { type TransactionScope, transactionScope } from './transaction-writer.ts';

export interface ConnectOptions {
  /** Where connection strings are read from. @default process.env */
  readonly environment?: NodeJS.ProcessEnv;
  /** A Temporal client of the caller's own; it is not closed with the connection. @default one by Temporal's own environment variables */
  readonly temporal?: Client;
  /** Who decides, for one key, what the phase leaves open; see `openFeatureFlags`. @default the shares of the durable state */
  readonly flags?: Flags;
  /** Wall clock in milliseconds, for versions. @default Date.now */
  readonly now?: () => number;
}

/** A service's way to its records. */
export interface Lockstep extends AsyncDisposable {
  /**
   * The records of an entity.
   *
   * @throws LockstepError `UnknownEntity` where the migration has none of that name.
   * @example const accounts = lockstep.repository(account);
   */
  repository<E, K, A extends Ack>(entity: Entity<E, K, Pattern, A>): Repository<E, K, A>;
  /**
   * Carries out all writes in both stores, or none in either; for entities of the pattern `transactional`.
   *
   * @param writes gives the list of writes, at most 500, each of another record
   * @throws LockstepError what every write throws, and `NotFound`, `AlreadyExists`, `VersionConflict` of one of them;
   *   `InvalidTransaction`, `UnknownEntity`, `OperationIdTaken`. Nothing was written then in either store.
   * @example
   * await lockstep.transaction((tx) => [
   *   tx(account).update(id, { balance: '1.00' }),
   *   tx(ledger).create({ id: entryId, account: id, amount: '1.00' }),
   * ]);
   */
  transaction<const A extends Ack = 'both'>(
    writes: (tx: TransactionScope) => readonly TransactionItem[],
    options?: TransactionOptions<A>,
  ): Promise<CommitReceipt<A>>;
  /** Counts what shadow reads found. */
  readonly shadow: ShadowReads;
  close(): Promise<void>;
}

/**
 * Connects to Temporal and to both stores, and checks that the definition fits them. The store that is not the primary may
 * be down: its writes stay pending until it is back.
 *
 * @throws LockstepError `InvalidDefinition` where a shape does not fit its tables, `NotPrepared` before `lockstep prepare`,
 *   `StoreUnavailable` where the primary does not answer, `TemporalUnavailable` where Temporal does not.
 * @example await using lockstep = await connect(migration);
 */
export async function connect(migration: Migration, options: ConnectOptions = {}): Promise<Lockstep> {
  const { environment = process.env, now = Date.now } = options;
  const stores = openStores(migration, environment);
  const release: (() => Promise<void>)[] = [() => stores.legacy.close(), () => stores.modern.close()];
  const close = async () => {
    for (const closing of release.splice(0).toReversed()) await closing();
  };
  try {
    const routeCache = new RouteCache({ migration, stores });
    await assertStoresFit({ migration, stores });
    const temporal = options.temporal ?? (await connectTemporal(environment));
    if (!options.temporal) release.push(() => temporal.connection.close());
    const shadow = new ShadowReads();
    const transactions = new Transactions({
      migration,
      routes: routeCache,
      probe: new TransactionProbe(stores),
      temporal,
    });
    const clock = new HybridClock(now);
    const parts: RepositoryParts = {
      stores,
      routes: routeCache,
      flags: options.flags ?? createDurableFlags,
      clock,
      shadow,
      migration,
      temporal,
      transactions,
    };
    return {
      repository: (entity) => {
        entityNamed(migration, entity.name);
        return new Repository(entity, parts);
      },
      transaction: async (writes, given = {}) =>
        await transactions.run(writes(transactionScope(migration, clock)), given),
      shadow,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
