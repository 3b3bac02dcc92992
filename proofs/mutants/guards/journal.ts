// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are pieces of template strings
import type { Guard } from '../guard.ts';

const entries = 'databases/sql/journal.ts';
const pruning = 'databases/sql/journal-pruning.ts';
const retry = 'activities/journal/journal.ts';

/** The journal: what it keeps, and what becomes of what nobody finishes. */
export const journalGuards: readonly Guard[] = [
  {
    file: pruning,
    text: "\"status IN ('completed', 'failed', 'aborted', 'compensated')\"",
    without: "\"status IN ('completed', 'failed', 'aborted', 'compensated', 'pending')\"",
    tests: ['test/databases/journal.test.ts'],
    named: 'pruning at',
    keeps: 'What is pending is never pruned.',
  },
  {
    file: pruning,
    text: "\"status IN ('completed', 'failed', 'aborted', 'compensated')\"",
    without: "\"status IN ('completed', 'failed', 'aborted', 'compensated', 'tentative')\"",
    tests: ['test/databases/tentative.test.ts'],
    named: 'is never pruned',
    keeps: 'What is tentative is never pruned.',
  },
  {
    file: pruning,
    text: "\"status IN ('completed', 'failed', 'aborted', 'compensated')\"",
    without: "\"status IN ('completed', 'failed', 'aborted', 'compensated', 'parked', 'discarded')\"",
    tests: ['test/databases/journal.test.ts'],
    named: 'pruning at',
    keeps: 'What is parked, and what a person has left, is never pruned.',
  },
  {
    file: pruning,
    text: ' AND updated_at < ${ago(olderThanMs)}`',
    without: '`',
    tests: ['test/databases/journal.test.ts'],
    named: 'pruning at',
    keeps: 'What changed lately is not pruned, however old.',
  },
  {
    file: pruning,
    text: "decision IN ('commit', 'abort') AND began_at",
    without: 'began_at',
    tests: ['test/databases/journal.test.ts'],
    named: 'takes decided transactions',
    keeps: 'A transaction that is undecided is not forgotten.',
    equivalent:
      'The time of a decision is null until there is one, and so never old. It stands there for the index.',
  },
  {
    file: pruning,
    text: 'except.length > 0 ? ` AND id NOT IN (${placeholders(except)})`',
    without: 'except.length > 0 ? ` AND ${except.map(() => "? IS NOT NULL").join(" AND ")}`',
    tests: ['test/databases/journal.test.ts'],
    named: 'takes decided transactions',
    keeps: 'A transaction of which a store has a branch is not forgotten.',
  },
  {
    file: entries,
    text: "? ['pending', 'parked', 'completed'] : ['pending', 'parked'];\n    // Completing",
    without: "? ['pending', 'parked', 'completed'] : ['pending', 'parked', 'completed'];\n    // Completing",
    tests: ['test/databases/journal.test.ts'],
    named: 'is not changed by what comes late',
    keeps: 'What comes late changes no operation that is over.',
  },
  {
    file: entries,
    text: ' WHERE id = ? AND ${undecided}`',
    without: ' WHERE id = ?`',
    tests: ['test/databases/tentative.test.ts'],
    named: 'takes the decision of the primary',
    keeps: 'The decision of another store replaces none of this one.',
  },
  {
    file: entries,
    text: "await holdFence(context, session, { migration, epoch: primary.epoch }, 'primary', []);",
    without: '',
    tests: ['test/databases/abort.test.ts'],
    named: 'after the store was primary',
    keeps: 'An id is closed where the primary is, and nowhere else.',
  },
  {
    file: entries,
    text: ', copied = NULL${completes}',
    without: '${completes}',
    tests: ['test/databases/recorded-outcomes.test.ts'],
    named: 'once they were copied',
    keeps: 'An outcome that changes is copied to the other store again.',
  },
  {
    file: entries,
    text: "        `${millisecondsOf('created_at')} <= ${millisecondsOf(now)} - ${Math.floor(olderThanMs)}`,",
    without: '        `${Math.floor(olderThanMs)} >= 0`,',
    tests: ['test/databases/journal.test.ts'],
    named: 'leaves out what is younger',
    keeps: 'A retry leaves alone what is on its way.',
  },
  {
    file: entries,
    text: "status IN ('pending', 'parked', 'tentative') GROUP BY",
    without: "status IN ('pending', 'parked') GROUP BY",
    tests: ['test/databases/tentative.test.ts'],
    keeps: 'What is tentative counts as open work.',
  },
  {
    file: retry,
    text: "statuses: request.parked ? ['pending', 'parked'] : ['pending'],",
    without: "statuses: ['pending', 'parked'],",
    tests: ['test/workflows/journal-retry.test.ts'],
    named: 'a parked write is tried only when told',
    keeps: 'A retry takes what is parked only when it is told to.',
  },
  {
    file: 'activities/write/converge.ts',
    text: "if (!isLockstepError(error, 'StoreUnavailable')) throw error;\n      await Promise.all([legacy.ping()",
    without: 'throw error;\n      await Promise.all([legacy.ping()',
    tests: ['test/workflows/journal-retry.test.ts'],
    named: 'keeps no other waiting',
    keeps: 'A key that cannot be written now keeps no other waiting.',
  },
];
