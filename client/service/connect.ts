import type { Client } from '@temporalio/client';
import { noteLeadingPhase } from '../../databases/contract/current-state.ts';
import { SetBackGuard } from '../../databases/deciding/set-back-guard.ts';
import { openStores } from '../../databases/open.ts';
import type { Ack, Entity, Pattern } from '../../model/entity.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { isObject } from '../../model/is-object.ts';
import type { KeyOf } from '../../model/key-input.ts';
import type { Migration } from '../../model/migration.ts';
import { assertTimeLimit } from '../../model/time-limit.ts';
import { HybridClock } from '../../model/version.ts';
import { assertStoresFit } from '../stores-fit.ts';
import { connectTemporal } from '../temporal/connection.ts';
import { assertKeyFits } from '../temporal/key-check.ts';
import { leadingPhase } from '../temporal/leading-phase.ts';
import { BoundedFlags } from './bounded-flags.ts';
import type { CallerTransaction } from './caller-transaction.ts';
import { Counts, type FlagAnswers, type ShadowReads, type StoreReads } from './counts.ts';
import { ignoreExpected } from './expected-failure.ts';
import { createDurableFlags, type Flags } from './flags.ts';
import { assertGiven, declaredEntity } from './given.ts';
import { JournalEntry } from './journal-entry.ts';
import { Lag } from './lag.ts';
import { assertWorkerChoice, loadEmbedded } from './load-embedded.ts';
import { LockstepProvider } from './openfeature-provider.ts';
import { OwedBound } from './owed-bound.ts';
import { OwedSweep } from './owed-sweep.ts';
import { ReportedCounts } from './read-counts.ts';
import type { PlaceOptions, ReadPlace } from './read-place.ts';
import type { Receipt } from './receipt.ts';
import { Repository, type RepositoryParts } from './repository.ts';
import { RouteCache } from './route-cache.ts';
import { Shadow } from './shadow.ts';
import { withSharedReads } from './shared-reads.ts';
import { SoundStores } from './sound-stores.ts';
import { StoreBreaker } from './store-breaker.ts';
import { type Touched, Touches } from './touch.ts';
import {
  type CommitReceipt,
  type TransactionItem,
  type TransactionOptions,
  Transactions,
} from './transaction.ts';
import { TransactionProbe } from './transaction-probe.ts';
import { type TransactionScope, transactionScope } from './transaction-writer.ts';
import { type WriteOutcome, writeMany } from './write-many.ts';
import { Writes } from './writes.ts';

export interface ConnectOptions {
  /** Where connection strings are read from. @default process.env */
  readonly environment?: NodeJS.ProcessEnv;
  /** A Temporal client of the caller's own; it is not closed with the connection. @default one by Temporal's own environment variables */
  readonly temporal?: Client;
  /**
   * `embedded` runs a worker of the migration in this process: fewer hops, and writes are answered when their commits are seen
   * here. It needs the package `@temporalio/worker`, connects to Temporal by the environment, and ends with the connection.
   * @default workers are processes of their own (`lockstep worker`)
   */
  readonly worker?: 'embedded';
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
  /**
   * Carries out many writes, as many at a time as groups can take. Each is a function that begins a write; its outcome has the
   * receipt, or the `LockstepError` that the write threw. Outcomes are in the order of the writes. It waits where the process
   * is overloaded.
   *
   * @throws what a write throws that is no `LockstepError`
   * @example
   * const outcomes = await lockstep.writeMany(accounts.map((one) => () => repository.create(one)));
   * const failed = outcomes.filter((outcome) => 'error' in outcome);
   */
  writeMany<R extends Receipt>(writes: Iterable<() => Promise<R>>): Promise<readonly WriteOutcome<R>[]>;
  /** Resolves when writes that this process sends now would not be refused with `Overloaded`. */
  whenReady(): Promise<void>;
  /**
   * Notes, in a transaction that the caller has begun at the primary, which records its SQL changes, before or after that SQL. When
   * it commits, what the records are then is replicated to the other store; when it does not, nothing was touched. A change of
   * primary waits for the transaction. It goes on by its own driver: a client of `pg`, a connection of `mysql2`, or a function
   * `(sql, parameters) => result` that runs a statement in it.
   *
   * @param keys one key or a list, at most 1,000; the same may be touched again
   * @throws LockstepError before anything is sent: `UnknownEntity`, `InvalidKey`, `InvalidTransaction`, `InvalidEntity` for a key that is too long,
   *   `TooLarge`, `StoreUnavailable` where the primary was set back, `Overloaded` where too much is owed to the other store. Where the transaction may not go on: `NotPrimary`,
   *   `NotInTransaction`, `DefinitionChanged`, `NotPrepared`. What else the database refuses is thrown as its driver does.
   * @example
   * await client.query('BEGIN');
   * await client.query('UPDATE accounts SET balance = balance - 5 WHERE id = $1', [id]);
   * await lockstep.touch(client, account, id);
   * await client.query('COMMIT');
   */
  touch<E, K>(
    transaction: CallerTransaction,
    entity: Entity<E, K>,
    keys: KeyOf<E, K> | readonly KeyOf<E, K>[],
  ): Promise<Touched<KeyOf<E, K>>>;
  /**
   * The store in which to begin a transaction that touches. While the primary is being changed, it waits for the end of that,
   * for at most `write.callerTimeoutMs`.
   *
   * @throws LockstepError `NotPrimary` where the change takes longer, `StoreUnavailable` where neither store tells.
   */
  primary(): Promise<StoreName>;
  /**
   * The store that reads go to now, for statements that are no `get` by key, such as joins and lists, and a way to run them there.
   * It goes by phase, share and flags, and by what modern is known to lack; it costs no round trip, since the route is known for a
   * second at a time. Ask for each read.
   *
   * @param key the record that the statement is about, such as the customer whose orders it lists. Without one, reads stay in legacy
   *   until modern answers all
   * @throws LockstepError `UnknownEntity`, `InvalidKey`, `InvalidToken`; `StoreUnavailable` where neither store tells the route.
   * @example
   * const { engine, query } = await lockstep.readsFrom(customer, id);
   * const orders = await query(sqlOf[engine].ordersOfCustomer, [id]);
   */
  readsFrom<E, K, A extends Ack>(
    entity: Entity<E, K, Pattern, A>,
    key?: KeyOf<E, K>,
    options?: PlaceOptions,
  ): Promise<ReadPlace>;
  /**
   * A provider of `@openfeature/server-sdk` that answers the flags `read-from-modern-db` and `dual-write-to-modern-db` to other code, by
   * phase and durable share. They are evaluated with `flagContext(entity, key)`.
   *
   * @example await OpenFeature.setProviderAndWait('lockstep', lockstep.openFeatureProvider());
   */
  openFeatureProvider(): LockstepProvider;
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
 * @throws LockstepError `InvalidInput` where an option is none that there is, or has no value of it; `InvalidDefinition` where it is given no migration, or a shape
 *   does not fit its tables; `NotPrepared` before `lockstep prepare` and where the package of an embedded worker is missing,
 *   `StoreUnavailable` where the primary does not answer, `TemporalUnavailable` where Temporal does not.
 * @example await using lockstep = await connect(migration);
 */
export async function connect(migration: Migration, options: ConnectOptions = {}): Promise<Lockstep> {
  assertMigration(migration);
  assertOptions(options);
  const { environment = process.env, now = Date.now } = options;
  const { flagTimeoutMs = 250, readTimeoutMs = 2_000 } = options;
  const startEmbedded = options.worker ? await loadEmbedded() : null;
  const stores = openStores(migration, environment);
  const release: (() => Promise<void>)[] = [() => stores.legacy.close(), () => stores.modern.close()];
  const close = async () => {
    for (const closing of release.splice(0).toReversed()) await closing();
  };
  try {
    const routeCache = new RouteCache({ migration, stores });
    const embedded = startEmbedded ? await startEmbedded(migration, environment) : null;
    if (embedded) release.push(() => embedded.close());
    const temporal = embedded?.temporal ?? options.temporal ?? (await connectTemporal(environment));
    if (!embedded && !options.temporal) {
      release.push(() => temporal.connection.close());
      await assertKeyFits(temporal, migration.name, environment);
    }
    // Before a store is asked: one that is alone may have been set back to an older phase.
    const phase = await leadingPhase(temporal, migration.name);
    if (phase) noteLeadingPhase(migration, phase);
    await assertStoresFit({ migration, stores });
    const guard = new SetBackGuard({ migration, stores });
    await guard.look().catch(ignoreExpected);
    const sound = new SoundStores(stores, guard);
    const counted = new ReportedCounts({ migration, stores });
    release.push(() => counted.close());
    const breaker = new StoreBreaker(readTimeoutMs);
    const shadow = new Shadow({ migration, stores: sound.stores }, counted);
    release.push(() => shadow.close());
    const flags: FlagAnswers = new Counts({ answered: 0, failed: 0, timedOut: 0, invalid: 0 });
    const transactions = new Transactions({
      migration,
      routes: routeCache,
      probe: new TransactionProbe(stores),
      temporal,
    });
    const clock = new HybridClock(now);
    const sweep = new OwedSweep(temporal, migration);
    release.push(() => sweep.close());
    const owed = new OwedBound({ migration, stores, routes: routeCache });
    const journal = new JournalEntry({ migration, stores: sound.stores, routes: routeCache, sweep });
    const writes = new Writes({ temporal, migration, embedded, journal, owed });
    release.push(() => writes.close());
    const parts: RepositoryParts = {
      stores: withSharedReads(sound.stores, migration),
      routes: routeCache,
      flags: new BoundedFlags(options.flags ?? createDurableFlags, flagTimeoutMs, flags),
      clock,
      shadow,
      counted,
      lag: new Lag({ migration, stores }, breaker),
      breaker,
      readTimeoutMs,
      migration,
      writes,
      transactions,
    };
    const repository: Lockstep['repository'] = (entity) => {
      declaredEntity(migration, entity);
      return new Repository(entity, parts);
    };
    const touches = new Touches({ migration, stores, routes: routeCache, clock, sweep, sound, owed });
    return {
      repository,
      transaction: async (items, given = {}) =>
        await transactions.run(begun(items)(transactionScope(migration, clock)), given),
      writeMany: (many) => writeMany(many, writes),
      whenReady: () => writes.whenReady(),
      touch: (transaction, entity, keys) => touches.touch(transaction, entity, keys),
      primary: () => touches.primary(),
      readsFrom: async (entity, key, given) => await repository(entity).readsFrom(key, given),
      openFeatureProvider: () =>
        new LockstepProvider({ migration, currentRoute: () => routeCache.within(readTimeoutMs) }),
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

const known = ['environment', 'temporal', 'worker', 'flags', 'flagTimeoutMs', 'readTimeoutMs', 'now'];

/** Types do not hold everybody. */
function assertMigration(migration: unknown): void {
  if (isObject(migration) && 'stores' in migration && 'policy' in migration) return;
  throw new LockstepError(
    'InvalidDefinition',
    'what was given to connect is no migration; pass what defineMigration gives',
    { path: 'migration' },
  );
}

function assertOptions(options: ConnectOptions): void {
  assertGiven('connect', options, known);
  assertWorkerChoice(options);
  for (const name of ['flagTimeoutMs', 'readTimeoutMs'] as const) {
    const limitMs = options[name];
    if (limitMs !== undefined) assertTimeLimit(name, limitMs);
  }
  const { flags, now, temporal }: { flags?: unknown; now?: unknown; temporal?: unknown } = options;
  const member = (of: unknown, name: string): unknown => (isObject(of) ? Reflect.get(of, name) : undefined);
  const wrong = (path: string, remedy: string) =>
    new LockstepError('InvalidInput', `${path} is no such thing; ${remedy}`, { path });
  if (
    flags !== undefined &&
    !['writesModern', 'readsModern'].every((name) => typeof member(flags, name) === 'function')
  )
    throw wrong('flags', 'pass what openFeatureFlags gives, or an object with writesModern and readsModern');
  if (now !== undefined && typeof now !== 'function')
    throw wrong('now', 'pass a function that gives milliseconds, such as Date.now');
  if (temporal !== undefined && !isObject(member(temporal, 'workflow')))
    throw wrong('temporal', 'pass a Client of @temporalio/client');
}

function begun<F>(writes: F): F {
  if (typeof writes === 'function') return writes;
  throw new LockstepError(
    'InvalidTransaction',
    'a transaction is given a function that lists its writes, such as (tx) => [tx(account).create(one)]',
  );
}
