import type { Pattern } from '../../model/entity.ts';
import { defineMigration } from '../../model/migration.ts';
import type { Settings } from '../../model/settings.ts';
import { accountWritten, type Layout, layouts } from './account.ts';
import { entryOf, settingsOf, type WriteWay, writeWayNamed } from './way.ts';

/** What a proof passes to the workers that it starts, beside the connection strings. */
export const migrationVariable = 'LOCKSTEP_PROOF_MIGRATION';
export const kindsVariable = 'LOCKSTEP_PROOF_KINDS';
export const settingsVariable = 'LOCKSTEP_PROOF_SETTINGS';
export const wayVariable = 'LOCKSTEP_PROOF_WAY';

const patterns: readonly Pattern[] = ['primary-secondary', 'parallel', 'flag-controlled', 'transactional'];

/** An account by its pattern, and by how it lies in the stores where that is not in a row. */
export type AccountKind = Pattern | `${Pattern}/${Exclude<Layout, 'row'>}`;

function patternOf(kind: AccountKind): Pattern {
  return patterns.find((pattern) => pattern === kind.split('/')[0]) ?? 'primary-secondary';
}

export function layoutOf(kind: AccountKind): Layout {
  return layouts.find((layout) => layout === kind.split('/')[1]) ?? 'row';
}

const kinds: readonly AccountKind[] = patterns.flatMap((pattern) => [
  pattern,
  ...layouts.filter((layout) => layout !== 'row').map((layout) => `${pattern}/${layout}` as const),
]);

/** The settings are those that a migration has by default, but for what a proof is about: nothing is made easier for it. */
export function proofMigration(
  name: string,
  [kind, ...others]: readonly [AccountKind, ...AccountKind[]],
  settings: Settings = {},
  way: WriteWay = 'group',
) {
  const written = (one: AccountKind, suffix: string) => {
    const pattern = patternOf(one);
    return accountWritten(pattern, { suffix, entry: entryOf(way, pattern), layout: layoutOf(one) });
  };
  const account = written(kind, '');
  const accounts = [account, ...others.map((other) => written(other, suffixOf(other)))] as const;
  const migration = defineMigration({
    ...settingsOf(way, settings),
    name,
    entities: accounts,
    deadline: '2035-01-31T00:00:00Z',
  });
  return { account, accounts, migration };
}

/** Of the tables of every kind but the first. */
export function suffixOf(kind: AccountKind): string {
  return `_${kind.replaceAll(/[-/]/g, '_')}`;
}

export function proofFrom(environment: NodeJS.ProcessEnv) {
  const named = environment[kindsVariable]?.split(',') ?? [];
  const [first, ...others] = named.flatMap((given) => kinds.filter((known) => known === given));
  const name = environment[migrationVariable];
  if (!name || !first) throw new Error(`${migrationVariable} and ${kindsVariable} say what to migrate`);
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
