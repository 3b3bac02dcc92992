import type { Guard } from '../guard.ts';

const tests = ['test/workflows/journal-entry.test.ts'];

/** Writes that enter by the primary's journal, and the bound of what is owed. */
export const journalEntryGuards: readonly Guard[] = [
  {
    file: 'client/service/journal-entry.ts',
    text: "['StoreUnavailable', 'Fenced', 'WriteConflict']",
    without: "['Fenced', 'WriteConflict']",
    tests,
    named: 'lost answer',
    keeps: 'A write by the journal whose answer is lost is asked for again under its id.',
  },
  {
    file: 'client/service/owed-bound.ts',
    text: 'if (owed >= maxOwed)',
    without: 'if (owed > maxOwed * 1_000)',
    tests,
    named: 'has a bound',
    keeps: 'No more is owed to the other store than the bound allows.',
  },
  {
    file: 'client/service/writes.ts',
    text: '    await Promise.allSettled(this.#underWay);\n',
    without: '',
    tests,
    named: 'a service that closes',
    keeps: 'A service that closes answers the writes that it has begun.',
  },
  {
    file: 'client/service/journal-entry.ts',
    text: 'if (why !== null && !(why instanceof StoreSetBack)) for',
    without: 'if (why !== null) for',
    tests: ['test/workflows/journal-restored.test.ts'],
    keeps: 'Who was refused by a store that was set back is told so.',
  },
  {
    file: 'client/service/touch.ts',
    text: 'const taking = owed.take(touched.length);',
    without: 'const taking = null;',
    tests,
    named: 'has a bound',
    keeps: 'A touch keeps the bound of what is owed.',
  },
  {
    file: 'workflows/journal/replicate-owed.ts',
    text: 'await Promise.all(look.stuck.map(startAlone));',
    without: '',
    tests,
    named: 'is parked',
    keeps: 'A write by the journal that the other store refuses is parked, where a person can decide.',
  },
];
