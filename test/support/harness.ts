import { afterEach } from 'vitest';
import type { Phase } from '../../model/phase.ts';
import {
  createFixture,
  type Fixture,
  type FixtureOptions,
  type RunningMigration,
  runMigrationOn,
} from './fixture.ts';
import { servers } from './servers.ts';

export { advanceTo, bringTo } from './advance.ts';
export { connectAndStart, type Fixture, type FixtureOptions, type RunningMigration } from './fixture.ts';

const open = new Set<Fixture | RunningMigration>();

/** What a test has done to stores and connections ends with it, also where it fails: the next one finds them whole. */
afterEach(async () => {
  for (const at of open) await at.restore();
});

export async function fixture(options: FixtureOptions = {}): Promise<Fixture> {
  return kept(await createFixture(servers(), options));
}

export async function runningMigration(
  phase: Phase,
  options: FixtureOptions = {},
): Promise<RunningMigration> {
  return kept(await runMigrationOn(servers(), phase, options));
}

function kept<S extends Fixture>(at: S): S {
  open.add(at);
  const release = at[Symbol.asyncDispose];
  return {
    ...at,
    async [Symbol.asyncDispose]() {
      open.delete(at);
      await release();
    },
  };
}
