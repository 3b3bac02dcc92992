import type { Client } from '@temporalio/client';
import { openStores } from '../databases/open.ts';
import type { Store } from '../databases/store.ts';
import type { Entity } from '../model/entity.ts';
import { LockstepError, type StoreName } from '../model/failure.ts';
import { entityNamed, type Migration } from '../model/migration.ts';
import { routes } from '../model/phase.ts';
import { HybridClock } from '../model/version.ts';
import { durableFlags, type Flags } from './flags.ts';
import { MigrationControl } from './migration-control.ts';
import { Repository, type RepositoryParts } from './repository.ts';
import { RouteCache } from './route-cache.ts';
import { ShadowReads } from './shadow.ts';
import { connectTemporal } from './temporal.ts';
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

/** A service's way to its records, and an operator's to the migration. */
export interface Lockstep extends AsyncDisposable {
  repository<E>(entity: Entity<E>): Repository<E>;
  readonly control: MigrationControl;
  readonly shadow: ShadowReads;
  readonly stores: Readonly<Record<StoreName, Store>>;
  readonly temporal: Client;
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
    await checkStores(stores, routeCache);
    const temporal = options.temporal ?? (await connectTemporal(environment));
    if (!options.temporal) release.push(() => temporal.connection.close());
    const shadow = new ShadowReads();
    const parts: RepositoryParts = {
      stores,
      routes: routeCache,
      flags: options.flags ?? durableFlags,
      clock: new HybridClock(now),
      shadow,
      writes: new WriteStarter(temporal, migration),
    };
    return {
      repository: (entity) => {
        entityNamed(migration, entity.name);
        return new Repository(entity, parts);
      },
      control: new MigrationControl(temporal, migration, stores),
      shadow,
      stores,
      temporal,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function checkStores(stores: Readonly<Record<StoreName, Store>>, cache: RouteCache): Promise<void> {
  const checks = await Promise.allSettled([stores.legacy.check(), stores.modern.check()]);
  const [legacy, modern] = checks;
  const failures = checks.flatMap((check) => (check.status === 'rejected' ? [check.reason as unknown] : []));
  const wrong = failures.find(
    (failure) => !(failure instanceof LockstepError) || failure.code !== 'StoreUnavailable',
  );
  if (wrong !== undefined) throw wrong;
  if (failures.length === 0) return;
  if (failures.length === 2) throw failures[0];
  const { primary } = routes[(await cache.current()).phase];
  const failed = primary === 'legacy' ? legacy : modern;
  if (failed.status === 'rejected') throw failed.reason;
}
