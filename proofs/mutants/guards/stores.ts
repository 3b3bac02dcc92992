// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are pieces of template strings
import type { Guard } from '../guard.ts';

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
    text: 'if (isNewer(seen, own.own)) found',
    without: 'if (isNewer(versionBeforeLockstep, own.own)) found',
    tests: ['test/workflows/restored-store.test.ts'],
    named: 'a restored (primary is told|secondary)',
    keeps: 'A store is set back where the other has seen more of it than it knows itself.',
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
];
