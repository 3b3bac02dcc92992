import { inject } from 'vitest';
import type { Servers } from '../../deploy/dev/servers.ts';
import { createDatabasesOn, type Databases } from './databases.ts';

export type { Databases } from './databases.ts';
export { proxy } from './proxy.ts';

/** The three servers that the test run has started. */
export function servers(): Servers {
  return inject('servers');
}

/** A fresh database on each engine; `await using` or `drop()` removes both. */
export function createDatabases(): Promise<Databases> {
  return createDatabasesOn(servers());
}
