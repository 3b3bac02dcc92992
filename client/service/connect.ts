import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { openStores } from '../../databases/open.ts';
import type { Entity } from '../../model/entity.ts';
import { entityNamed, type Migration } from '../../model/migration.ts';
import { HybridClock } from '../../model/version.ts';
import { assertStoresFit } from '../stores-fit.ts';
import { connectTemporal } from '../temporal/connection.ts';
import { durableFlags, type Flags } from './flags.ts';
import { Repository, type RepositoryParts } from './repository.ts';
import { RouteCache } from './route-cache.ts';
import { ShadowReads } from './shadow.ts';
import {
  type TransactionItem,
  type TransactionOptions,
  type TransactionReceipt,
  Transactions,
} from './transaction.ts';
import { TransactionProbe } from './transaction-probe.ts';
import { TransactionStarter } from './transaction-starter.ts';
import { WriteStarter } from './write-starter.ts';

export interface ConnectOptions {
  migration: Migration;
  /** Where connection strings are read from; default `process.env`. */
  environment?: NodeJS.ProcessEnv;
  /** A Temporal client of the caller's own; it is not closed with the connection. */
  temporal?: Client;
  /** Default: the shares of the durable state. See `openFeatureFlags`. */
  flags?: Flags;
  /** Wall clock in milliseconds; default `Date.now`. */
  now?: () => number;
}

/** A service's way to its records. */
export interface Lockstep extends AsyncDisposable {
  repository<E>(entity: Entity<E>): Repository<E>;
  /** Carries out all items in both stores, or none in either; for entities of the pattern `transactional`. */
  transaction(items: readonly TransactionItem[], options?: TransactionOptions): Promise<TransactionReceipt>;
  readonly shadow: ShadowReads;
  close(): Promise<void>;
}

/**
 * Connects to Temporal and to both stores, and checks that the definition fits them. The store that is not the primary may
 * be down: writes are owed to it until it is back.
 */
export async function connect(options: ConnectOptions): Promise<Lockstep> {
  const { migration, environment = process.env, now = Date.now } = options;
  const stores = openStores(migration, environment);
  const release: (() => Promise<void>)[] = [() => stores.legacy.close(), () => stores.modern.close()];
  const close = async () => {
    for (const closing of release.splice(0).toReversed()) await closing();
  };
  try {
    const routeCache = new RouteCache({ migration, stores }, now);
    await assertStoresFit({ migration, stores });
    const temporal = options.temporal ?? (await connectTemporal(environment));
    if (!options.temporal) release.push(() => temporal.connection.close());
    const shadow = new ShadowReads();
    const transactions = new Transactions({
      migration,
      routes: routeCache,
      probe: new TransactionProbe(stores),
      starter: new TransactionStarter(temporal, migration),
    });
    const parts: RepositoryParts = {
      stores,
      routes: routeCache,
      flags: options.flags ?? durableFlags,
      clock: new HybridClock(now),
      shadow,
      writes: new WriteStarter(temporal, migration),
      transactions,
    };
    return {
      repository: (entity) => {
        entityNamed(migration, entity.name);
        return new Repository(entity, parts);
      },
      transaction: (items, given = {}) => transactions.run(given.operationId ?? randomUUID(), items, given),
      shadow,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
