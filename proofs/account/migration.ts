import type { Pattern } from '../../model/entity.ts';
import { defineMigration } from '../../model/migration.ts';
import type { Settings } from '../../model/settings.ts';
import { accountWritten } from './account.ts';
import { entryOf, settingsOf, type WriteWay, writeWayNamed } from './way.ts';

/** What a proof passes to the workers that it starts, beside the connection strings. */
export const migrationVariable = 'LOCKSTEP_PROOF_MIGRATION';
export const patternsVariable = 'LOCKSTEP_PROOF_PATTERNS';
export const settingsVariable = 'LOCKSTEP_PROOF_SETTINGS';
export const wayVariable = 'LOCKSTEP_PROOF_WAY';

const patterns: readonly Pattern[] = ['primary-secondary', 'parallel', 'flag-controlled', 'transactional'];

/** The settings are those that a migration has by default, but for what a proof is about: nothing is made easier for it. */
export function proofMigration(
  name: string,
  [pattern, ...others]: readonly [Pattern, ...Pattern[]],
  settings: Settings = {},
  way: WriteWay = 'group',
) {
  const account = accountWritten(pattern, '', entryOf(way, pattern));
  const accounts = [
    account,
    ...others.map((other) => accountWritten(other, suffixOf(other), entryOf(way, other))),
  ] as const;
  const migration = defineMigration({
    ...settingsOf(way, settings),
    name,
    entities: accounts,
    deadline: '2035-01-31T00:00:00Z',
  });
  return { account, accounts, migration };
}

/** Of the tables of every pattern but the first. */
export function suffixOf(pattern: Pattern): string {
  return `_${pattern.replace('-', '_')}`;
}

export function proofFrom(environment: NodeJS.ProcessEnv) {
  const named = environment[patternsVariable]?.split(',') ?? [];
  const [first, ...others] = named.flatMap((given) => patterns.filter((known) => known === given));
  const name = environment[migrationVariable];
  if (!name || !first) throw new Error(`${migrationVariable} and ${patternsVariable} say what to migrate`);
  return proofMigration(
    name,
    [first, ...others],
    JSON.parse(environment[settingsVariable] ?? '{}') as Settings,
    writeWayNamed(environment[wayVariable]) ?? 'group',
  );
}

export function migrationFrom(environment: NodeJS.ProcessEnv) {
  return proofFrom(environment).migration;
}
