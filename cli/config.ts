import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LockstepError } from '../model/failure.ts';
import type { Migration } from '../model/migration.ts';

/** Loads the migration that a configuration file exports by default. */
export async function loadMigration(path: string): Promise<Migration> {
  const file = resolve(path);
  if (!existsSync(file)) {
    throw new LockstepError(
      'InvalidDefinition',
      `there is no configuration at ${path}; name one with --config, or write lockstep.config.ts here (examples/users has a small one)`,
      { path },
    );
  }
  const module: { default?: unknown } = await import(pathToFileURL(file).href);
  if (isMigration(module.default)) return module.default;
  throw new LockstepError(
    'InvalidDefinition',
    `${path} does not export a migration; write export default defineMigration({ … })`,
    {
      path,
    },
  );
}

function isMigration(value: unknown): value is Migration {
  return (
    value !== null &&
    typeof value === 'object' &&
    'entities' in value &&
    'policy' in value &&
    'stores' in value
  );
}
