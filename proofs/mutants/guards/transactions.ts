// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are pieces of template strings
import type { Guard } from '../guard.ts';

const decisions = 'databases/transactions/decisions.ts';
const branches = 'databases/transactions/branches.ts';

/** Transactions over both stores: what was decided, and who ends what is left. */
export const transactionGuards: readonly Guard[] = [
  {
    file: decisions,
    text: '    WHERE migration = ? AND id = ? AND decision IS NULL`;',
    without: '    WHERE migration = ? AND id = ?`;',
    tests: ['test/databases/branches.test.ts'],
    named: 'is decided once',
    keeps: 'What is decided stays so.',
  },
  {
    file: decisions,
    text: "sql: `${set} AND attempt = ?`,\n    parameters: ['commit', versions, null, null, migration, transaction, decision.attempt],",
    without: "sql: set,\n    parameters: ['commit', versions, null, null, migration, transaction],",
    tests: ['test/databases/branches.test.ts'],
    named: 'lets the last attempt commit',
    keeps: 'An attempt that another has overtaken decides nothing.',
  },
  {
    file: decisions,
    text: "    if (decision.decision === 'abort') {\n      // Also",
    without: "    if (decision.decision === 'commit') {\n      // Also",
    tests: ['test/databases/branches.test.ts'],
    named: 'is made by an abort that comes first',
    keeps: 'An abort that comes first is written down, so that a commit loses.',
  },
  {
    file: branches,
    text: 'if (await decideWithin(context, session, attempt.migration, attempt.transaction, decision))\n          return result;',
    without:
      'await decideWithin(context, session, attempt.migration, attempt.transaction, decision);\n        if (decision.attempt !== undefined) return result;',
    tests: ['test/databases/branches.test.ts'],
    named: 'that is decided keeps that transaction out',
    keeps: 'A transaction of one store commits only where it is the one that may.',
  },
  {
    file: branches,
    text: "if (result.status !== 'applied') throw new NotApplied(result);",
    without: "if (result.status !== 'applied') return result;",
    tests: ['test/databases/branches.test.ts'],
    named: 'that is refused leaves no part',
    keeps: 'A transaction of one store that is refused leaves no part of itself.',
  },
  {
    file: branches,
    text: "return { keep: result.status === 'applied', result };",
    without: 'return { keep: true, result };',
    tests: ['test/databases/branches.test.ts'],
    named: 'names the first change that was not applied|of another epoch',
    keeps: 'A branch that was not applied as a whole is not prepared.',
  },
  {
    file: decisions,
    text: 'WHERE migration = ? AND id = ? AND decision IS NULL`,\n      [attempt, migration, id],',
    without: 'WHERE migration = ? AND id = ?`,\n      [attempt, migration, id],',
    tests: ['test/databases/branches.test.ts'],
    named: 'that is opened again',
    keeps: 'A transaction that is opened again never loses a decision that came between.',
  },
  {
    file: decisions,
    text: "return row?.decision === 'commit' && row.attempt === decision.attempt;",
    without: "return row?.decision === 'commit';",
    tests: ['test/databases/branches.test.ts'],
    named: 'that another attempt has committed',
    keeps: 'Only the attempt that the decision names commits.',
  },
  {
    file: 'activities/transactions/repeats.ts',
    text: 'entries.filter(isSound).some',
    without: 'entries.some',
    tests: ['test/workflows/transaction.test.ts'],
    named: 'nobody can read an entry',
    keeps: 'An entry that nobody can read does not make another transaction of a repeat.',
  },
];
