// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are pieces of template strings
import type { Guard } from '../guard.ts';

const guard = 'activities/write/set-back-guard.ts';
const sightings = 'databases/sql/sightings.ts';
const retirement = 'databases/sql/retirement.ts';

/** Stores that were set back, and the end of the legacy tables. */
export const storeGuards: readonly Guard[] = [
  {
    file: sightings,
    text: '      if (isNewer(atLeast, own)) return null;\n',
    without: '',
    tests: ['test/workflows/restored-store.test.ts'],
    named: 'a restored (primary is told|secondary)',
    keeps: 'A store that was set back stays recognised.',
  },
  {
    file: sightings,
    text: '      if (!isNewer(mark, seen)) return;\n',
    without: '',
    tests: ['test/databases/sightings.test.ts'],
    keeps: 'What a store has seen of the other never goes back.',
  },
  {
    file: sightings,
    text: 'WHERE migration = ? FOR UPDATE`',
    without: 'WHERE migration = ?`',
    tests: ['test/databases/sightings.test.ts'],
    keeps: 'Two workers that raise a mark at once do not lower it.',
  },
  {
    file: 'databases/contract/set-back.ts',
    text: 'if (own && isNewer(other.seen, own.own))',
    without: 'if (own && isNewer(other.seen, other.own))',
    tests: ['test/workflows/restored-store.test.ts'],
    named: 'a restored (primary is told|secondary)',
    keeps: 'A store is set back where the other has seen more of it than it knows itself.',
  },
  {
    file: guard,
    text: "return items.some(({ mode }) => mode === 'primary') ? guard.decide(store.name, write) : write();",
    without: 'return write();',
    tests: ['test/workflows/set-back-guard.test.ts'],
    keeps: 'A primary that was set back takes no write.',
  },
  {
    file: guard,
    text: "return changes.some(({ item }) => item.mode === 'primary')\n        ? guard.decide(store.name, prepare)\n        : prepare();",
    without: 'return prepare();',
    tests: ['test/workflows/set-back-guard.test.ts'],
    keeps: 'Nor does it take a transaction.',
  },
  {
    file: guard,
    text: "if (isLockstepError(error, 'StoreUnavailable')) this.#suspects.add(store);",
    without: '',
    tests: ['test/workflows/restored-primary-writes.test.ts'],
    named: 'a worker that has lost its primary',
    keeps: 'A worker that has lost its primary looks at it before it lets it decide again.',
  },
  {
    file: retirement,
    text: "      if (row?.renamed === '1') continue;\n",
    without: '',
    tests: ['test/workflows/end.test.ts', 'test/databases/retirement.test.ts'],
    keeps: 'A table that has taken an old name since is not renamed.',
  },
  {
    file: retirement,
    text: 'if (!(await isThere(beside(table, name))) && (await isThere(table))) {',
    without: 'if (await isThere(table)) {',
    tests: ['test/databases/retirement.test.ts'],
    keeps: 'A crash between a rename and its note renames nothing twice.',
  },
  {
    file: retirement,
    text: 'SELECT retired_name FROM ${retired} WHERE ${place} AND renamed = 1 AND dropped = 0`',
    without: 'SELECT retired_name FROM ${retired} WHERE ${place} AND renamed = 1`',
    tests: ['test/databases/retirement.test.ts'],
    keeps: 'A table is dropped once.',
  },
  {
    file: 'workflows/migration/migration.ts',
    text: 'return at === null || state.paused ? Number.POSITIVE_INFINITY : Date.parse(at);',
    without: 'return at === null ? Number.POSITIVE_INFINITY : Date.parse(at);',
    tests: ['test/workflows/end.test.ts'],
    named: 'a pause holds the drop',
    keeps: 'A pause holds the drop.',
  },
  {
    file: 'workflows/migration/retirement.ts',
    text: 'run.update({ lastFailure: `rename legacy: ${reason}`, renameAt: inMs(renameAgainMs) });',
    without: 'run.update({ lastFailure: `rename legacy: ${reason}`, renameAt: null });',
    tests: ['test/workflows/end.test.ts'],
    named: 'waits for no legacy store',
    keeps: 'Tables that could not be renamed are renamed once legacy is back.',
  },
  {
    file: 'workflows/migration/migration.ts',
    text: '  await unbounded.removeSchedules();\n',
    without: '  await Promise.resolve(unbounded);\n',
    tests: ['test/workflows/schedules.test.ts'],
    keeps: 'A migration that is over leaves no schedule behind.',
  },
  {
    file: 'workers/recovery.ts',
    text: 'if (!hasTransactions(migration) || (await isOver(open))) return;',
    without: 'if (!hasTransactions(migration)) return;',
    tests: ['test/workflows/schedules.test.ts'],
    keeps: 'A worker that starts after the end makes no schedule.',
  },
];
