import { inject } from 'vitest';
import { type FurtherName, type Servers, upFurther } from '../../deploy/dev/servers.ts';
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

/** A server of another version, started where it does not run yet; or why this machine cannot have it. */
export function furtherServer(name: FurtherName): Promise<{ url: string } | { unavailable: string }> {
  return upFurther(name, { report: (line) => process.stderr.write(`${line}\n`) });
}
