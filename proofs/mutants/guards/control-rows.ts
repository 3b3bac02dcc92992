import type { Guard } from '../guard.ts';

const tests = ['test/workflows/control-rows.test.ts'];

/** Rows of control tables that somebody else has written, or that were damaged. */
export const controlRowGuards: readonly Guard[] = [
  {
    file: 'activities/journal/converge-entries.ts',
    text: 'Map.groupBy(entries.filter(isSound), ',
    without: 'Map.groupBy(entries, ',
    tests,
    named: 'hold up nobody',
    keeps: 'A row of the journal that is none of ours holds up no other.',
  },
  {
    file: 'activities/migration/migrate.ts',
    text: 'const unsound = pending.find((entry) => !isSound(entry));',
    without: 'const unsound = pending.find((entry) => isSound(entry) && !isSound(entry));',
    tests,
    named: 'not taken for one that is drained',
    keeps: 'What nobody can read is told before the primary changes.',
  },
  {
    file: 'databases/backfill/checkpoint-faults.ts',
    text: 'some((text) => text && !isKey(text))',
    without: "some((text) => text === '' && !isKey(text))",
    tests,
    named: 'told by their table',
    keeps: 'No range is copied from a cursor that is no key.',
  },
  {
    file: 'databases/backfill/checkpoint-faults.ts',
    text: 'Number(row.range_no) !== index',
    without: 'Number(row.range_no) < 0',
    tests: ['test/unit/checkpoint-faults.test.ts'],
    keeps: 'No range goes missing from a backfill without notice.',
  },
  {
    file: 'workflows/backfill/run.ts',
    text: "if (known?.code !== 'InvalidControlRow') throw error;",
    without: 'throw error;',
    tests: ['test/workflows/corrupt-checkpoint.test.ts'],
    named: 'leaves out its entity alone',
    keeps: 'A corrupt checkpoint stops the backfill of no other entity.',
  },
  {
    file: 'databases/transactions/decisions.ts',
    text: "  if (decision === 'commit' && versions === null) throw",
    without: "  if (decision === 'commit' && versions === undefined) throw",
    tests,
    named: 'told by their table',
    keeps: 'A decision to commit names its versions.',
  },
  {
    file: 'activities/failures.ts',
    text: 'failureOf(error) : withoutText(error)',
    without: 'failureOf(error) : error',
    tests: ['test/unit/unforeseen-errors.test.ts'],
    keeps: 'The text of an error that is none of ours stays with the worker.',
  },
  {
    file: 'cli/output.ts',
    text: 'unforeseen(error).message',
    without: '(error instanceof Error ? error.message : error)',
    tests: ['test/unit/told.test.ts'],
    keeps: 'A command prints no text of an error that is none of ours.',
  },
  {
    file: 'model/unforeseen.ts',
    text: "stack.startsWith(head) ? stack.slice(head.length).trimStart() : ''",
    without: 'stack.length < head.length ? head : stack',
    tests: ['test/unit/unforeseen-errors.test.ts'],
    keeps: 'Nor does its stack carry it.',
  },
  {
    file: 'model/unforeseen.ts',
    text: 'return /^\\w{1,60}$/.test(text) ? text : null;',
    without: 'return text;',
    tests: ['test/unit/unforeseen-errors.test.ts'],
    keeps: 'Nor do its name and code, where these are texts.',
  },
];
