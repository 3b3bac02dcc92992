import type { Guard } from '../guard.ts';

const tests = ['test/workflows/large-rows.test.ts'];
const allAtOnce = '((all, work) => work(all))(keys, ';

/** Rows of many megabytes: how many of them are in memory at a time. */
export const largeRowGuards: readonly Guard[] = [
  {
    file: 'activities/fitting-parts.ts',
    text: 'if (part.length > 1) part = ',
    without: 'if (part.length < 1) part = ',
    tests,
    keeps: 'Rows that do not fit into memory together are read a part at a time.',
  },
  {
    file: 'activities/write/converge.ts',
    text: 'inFittingParts([context.stores[route.primary]], entity, keys, ',
    without: allAtOnce,
    tests,
    named: 'refused',
    keeps: 'What is refused is tried again a part at a time.',
  },
  {
    file: 'activities/journal/converge-entries.ts',
    text: 'inFittingParts([stores[route.primary]], entity, keys, ',
    without: allAtOnce,
    tests,
    named: 'journal',
    keeps: 'What a journal owes is read a part at a time.',
  },
  {
    file: 'activities/comparison/classify-difference.ts',
    text: 'inFittingParts([stores.legacy, stores.modern], entity, keys, ',
    without: allAtOnce,
    tests,
    named: 'differ',
    keeps: 'What seems to differ is read a part at a time.',
  },
  {
    file: 'activities/comparison/repair-keys.ts',
    text: 'inFittingParts([stores.legacy, stores.modern], entity, keys, ',
    without: allAtOnce,
    tests,
    named: 'repaired',
    keeps: 'What is repaired is read a part at a time.',
  },
  {
    file: 'activities/comparison/scan-keys.ts',
    text: '({ bytes }) => bytes > partBytes',
    without: '() => false',
    tests,
    named: 'compared by reading',
    keeps: 'Of pages with huge rows that are compared by reading one is in memory.',
  },
  {
    file: 'activities/concurrency.ts',
    text: 'if (alone) await Promise.all(running);',
    without: '',
    tests: ['test/unit/concurrency.test.ts'],
    keeps: 'Nothing runs beside what is to be alone, also what began before.',
  },
  {
    file: 'databases/sql/fitting-keys.ts',
    text: '.filter((key) => keyFault(bound, key) === null)',
    without: '',
    tests: ['test/databases/large-values.test.ts'],
    named: 'measured by its key',
    keeps: 'A key that no column can hold does not stop the rest from being measured.',
  },
];
