import type { Pattern } from '../../model/entity.ts';
import { defineMigration } from '../../model/migration.ts';
import type { Settings } from '../../model/settings.ts';
import { accountWritten } from './account.ts';

/** What a proof passes to the workers that it starts, beside the connection strings. */
export const migrationVariable = 'LOCKSTEP_PROOF_MIGRATION';
export const patternVariable = 'LOCKSTEP_PROOF_PATTERN';
export const settingsVariable = 'LOCKSTEP_PROOF_SETTINGS';

const patterns: readonly Pattern[] = ['primary-secondary', 'parallel', 'flag-controlled', 'transactional'];

/** The settings are those that a migration has by default, but for what a proof is about: nothing is made easier for it. */
export function proofMigration(name: string, pattern: Pattern, settings: Settings = {}) {
  const account = accountWritten(pattern);
  const migration = defineMigration({
    ...settings,
    name,
    entities: [account],
    deadline: '2035-01-31T00:00:00Z',
  });
  return { account, migration };
}

export function migrationFrom(environment: NodeJS.ProcessEnv) {
  const pattern = patterns.find((known) => known === environment[patternVariable]);
  const name = environment[migrationVariable];
  if (!name || !pattern) throw new Error(`${migrationVariable} and ${patternVariable} say what to migrate`);
  return proofMigration(name, pattern, JSON.parse(environment[settingsVariable] ?? '{}') as Settings)
    .migration;
}
