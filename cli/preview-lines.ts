import pc from 'picocolors';
import type { LegacyUse } from '../client/operator/legacy-use.ts';
import type { Condition, Preview } from '../client/operator/migration-control.ts';
import { table } from './output.ts';

/** What a step would do, for a person. */
export function previewLines({ conditions, steps, statements }: Preview): string[] {
  const rows = conditions.map((condition) => [
    condition.met ? pc.green('open') : pc.red('holds'),
    condition.name,
    condition.wanted,
    measuredOf(condition),
    condition.met ? '' : condition.forcible ? 'caution; --force passes it' : 'protects data',
  ]);
  const remedies = conditions.flatMap(({ name, remedy }) =>
    remedy ? [pc.yellow(`${name}: ${remedy}`)] : [],
  );
  return [
    ...table(rows),
    ...remedies,
    ...(steps.length > 0 ? ['steps', ...steps.map((step, index) => `  ${index + 1}. ${step}`)] : []),
    ...statements.map(({ store, sql }) => `  ${store}: ${sql.replaceAll('\n', ' ')}`),
  ];
}

function measuredOf({ measured }: Condition): string {
  return Object.entries(measured)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

/** What still uses legacy, for a person. */
export function legacyUseLines({ route, lastWriteAt, watchedMs, tables }: LegacyUse): string[] {
  const seconds = `within ${watchedMs / 1_000} s`;
  return [
    `legacy ${route} through Lockstep; the last one was recorded ${lastWriteAt ? `at ${lastWriteAt}` : 'longer ago than the journal remembers'}`,
    ...tables.flatMap((use) => [
      `${use.table}: ${counted(use.readsMeanwhile, 'reads', seconds)}, ${counted(use.writesMeanwhile, 'writes', seconds)}, ` +
        `${use.sessions === null ? 'sessions unknown' : `${use.sessions} sessions name it`}`,
      ...use.dependents.map(({ kind, name }) => pc.yellow(`  ${kind} ${name} refers to it`)),
    ]),
  ];
}

function counted(count: number | null, what: string, when: string): string {
  if (count === null) return `${what} not counted by the server`;
  const text = `${count} ${what} ${when}`;
  return count > 0 ? pc.yellow(text) : text;
}
