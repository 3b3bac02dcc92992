import { mysql } from '../../deploy/dev/mysql.ts';
import { postgresql } from '../../deploy/dev/postgresql.ts';
import type { Servers } from '../../deploy/dev/servers.ts';
import { temporal } from '../../deploy/dev/temporal.ts';
import { createDatabasesOn, type Databases } from '../../test/support/databases.ts';
import { proxy } from '../../test/support/proxy.ts';
import type { StoreUrls } from '../account/environment.ts';
import type { Conditions } from '../report.ts';
import { type OwnServer, ownServer } from '../support/own-server.ts';
import type { Strike, Victim } from './strikes.ts';

/** Where a proof runs, and what of it can be taken away beside the worker. */
export interface Place {
  readonly servers: Servers;
  readonly databases: Databases;
  /** What application and workers know the stores by. */
  readonly through: Partial<StoreUrls>;
  readonly strikes: readonly Strike[];
}

/** Three servers that are killed, with nothing flushed and nobody told. */
export async function ownPlace(release: AsyncDisposableStack, note: Conditions['note']): Promise<Place> {
  const own = {
    mysql: release.use(await ownServer(mysql, note)),
    postgresql: release.use(await ownServer(postgresql, note)),
    temporal: release.use(await ownServer(temporal, note)),
  };
  const servers = {
    mysql: own.mysql.endpoint,
    postgresql: own.postgresql.endpoint,
    temporal: own.temporal.endpoint,
  };
  const strikeOn = (victim: Victim, server: Pick<OwnServer<'mysql'>, 'kill' | 'restart'>): Strike => ({
    victim,
    begin: () => server.kill(),
    end: () => server.restart(),
  });
  return {
    servers,
    databases: release.use(await createDatabasesOn(servers)),
    through: {},
    strikes: [
      strikeOn('legacy', own.mysql),
      strikeOn('modern', own.postgresql),
      strikeOn('temporal', own.temporal),
    ],
  };
}

/** Servers that others use too: only connections to the databases are cut. */
export async function sharedPlace(release: AsyncDisposableStack, servers: Servers): Promise<Place> {
  const databases = release.use(await createDatabasesOn(servers));
  const legacy = release.use(await proxy(databases.mysqlUrl));
  const modern = release.use(await proxy(databases.postgresqlUrl));
  return {
    servers,
    databases,
    through: { legacy: legacy.url, modern: modern.url },
    strikes: [
      { victim: 'legacy', begin: () => legacy.cut(), end: () => legacy.restore() },
      { victim: 'modern', begin: () => modern.cut(), end: () => modern.restore() },
    ],
  };
}
