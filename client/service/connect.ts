import type { Client } from '@temporalio/client';
import { openStores } from '../../databases/open.ts';
import type { Ack, Entity, Pattern } from '../../model/entity.ts';
import { entityNamed, type Migration } from '../../model/migration.ts';
import { HybridClock } from '../../model/version.ts';
import { assertStoresFit } from '../stores-fit.ts';
import { connectTemporal } from '../temporal/connection.ts';
import { BoundedFlags } from './bounded-flags.ts';
import { Counts, type FlagAnswers, type ShadowReads, type StoreReads } from './counts.ts';
import { createDurableFlags, type Flags } from './flags.ts';
import { Lag } from './lag.ts';
import { ReportedCounts } from './read-counts.ts';
import { Repository, type RepositoryParts } from './repository.ts';
import { RouteCache } from './route-cache.ts';
import { Shadow } from './shadow.ts';
import { StoreBreaker } from './store-breaker.ts';
import { assertTimeLimit } from './time-limit.ts';
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
  /** How long the flags may take for one key, in milliseconds; then the durable shares decide. @default 250 */
  readonly flagTimeoutMs?: number;
  /**
   * How long a read waits for one store, in milliseconds; then the primary is asked if it is another, or the read fails with
   * `StoreUnavailable`. @default 2_000
   */
  readonly readTimeoutMs?: number;
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
  /** Counts which store answered reads. */
  readonly reads: StoreReads;
  /** Counts what came of asking `flags`. */
  readonly flags: FlagAnswers;
  close(): Promise<void>;
}

/**
 * Connects to Temporal and to both stores, and checks that the definition fits them. The store that is not the primary may
 * be down: its writes stay pending until it is back.
 *
 * @throws LockstepError `InvalidInput` where a time limit is no number of milliseconds above 0, `InvalidDefinition` where a shape does not fit its tables, `NotPrepared` before `lockstep prepare`,
 *   `StoreUnavailable` where the primary does not answer, `TemporalUnavailable` where Temporal does not.
 * @example await using lockstep = await connect(migration);
 */
export async function connect(migration: Migration, options: ConnectOptions = {}): Promise<Lockstep> {
  const { environment = process.env, now = Date.now } = options;
  const { flagTimeoutMs = 250, readTimeoutMs = 2_000 } = options;
  assertTimeLimit('flagTimeoutMs', flagTimeoutMs);
  assertTimeLimit('readTimeoutMs', readTimeoutMs);
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
    const counted = new ReportedCounts({ migration, stores });
    release.push(() => counted.close());
    const breaker = new StoreBreaker(readTimeoutMs);
    const shadow = new Shadow({ migration, stores }, counted);
    release.push(() => shadow.close());
    const flags: FlagAnswers = new Counts({ answered: 0, failed: 0, timedOut: 0, invalid: 0 });
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
      flags: new BoundedFlags(options.flags ?? createDurableFlags, flagTimeoutMs, flags),
      clock,
      shadow,
      counted,
      lag: new Lag({ migration, stores }, breaker),
      breaker,
      readTimeoutMs,
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
      shadow: counted.shadow,
      reads: counted.reads,
      flags,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
