// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are pieces of template strings
import type { Guard } from '../guard.ts';

const change = 'workflows/migration/phase-change.ts';
const drain = 'activities/migration/migrate.ts';
const closing = 'workflows/migration/before-closing.ts';

/** A change of primary, and what is left of one when its workflow is lost. */
export const changeGuards: readonly Guard[] = [
  {
    file: closing,
    text: '  await assertReachable(next);\n',
    without: '',
    tests: ['test/workflows/bounded-change.test.ts'],
    named: 'a rollback with legacy unavailable',
    keeps: 'Nothing closes while a store does not answer.',
  },
  {
    file: change,
    text: '    await withinLimit().writeState({ store: to, state: closed });\n',
    without: '',
    tests: ['test/workflows/change-of-primary.test.ts'],
    named: 'both stores are closed',
    keeps: 'The new primary is closed too before the old one is drained.',
  },
  {
    file: change,
    text: '    await withinLimit().drain({ primary: from, epoch: closed.epoch });\n',
    without: '',
    tests: ['test/workflows/change-of-primary.test.ts'],
    named: 'both stores are closed|found by the drain',
    keeps: 'The old primary is drained before the new one opens.',
  },
  {
    file: change,
    text: '    await switching.writeState({ store: from, state: reopened });\n',
    without: '',
    tests: ['test/workflows/change-of-primary.test.ts'],
    named: 'a secondary that goes away while',
    keeps: 'What fails before the opening opens the old primary again.',
  },
  {
    file: drain,
    text: '        if (parked) throw notDrained(`a write is parked (operation ${parked.id})`);\n',
    without: '',
    tests: ['test/workflows/change-of-primary.test.ts'],
    named: 'found by the drain',
    keeps: 'The primary does not change over a write that is parked meanwhile.',
  },
  {
    file: drain,
    text: "        const converged = entries.filter((_, index) => results[index]?.status === 'converged');\n",
    without: '        const converged = entries;\n',
    tests: ['test/workflows/change-of-primary.test.ts'],
    named: 'a drain completes nothing',
    keeps: 'A drain completes only what the other store has taken.',
  },
  {
    file: 'databases/sql/durable-state.ts',
    text: 'state.changeNumber > known.changeNumber && state.epoch',
    without: 'state.epoch',
    tests: ['test/databases/fence.test.ts'],
    keeps: 'A share or phase that comes late does not come back.',
  },
  {
    file: 'databases/sql/durable-state.ts',
    text: ' && state.epoch >= known.epoch) return;',
    without: ') return;',
    tests: ['test/databases/fence.test.ts'],
    keeps: 'An epoch never goes back.',
  },
  {
    file: 'databases/sql/durable-state.ts',
    text: 'if (given.replaces !== undefined && known?.changeNumber !== given.replaces)',
    without: 'if (given.replaces === -1)',
    tests: ['test/databases/fence.test.ts'],
    keeps: 'A state that is to replace a certain change replaces no other.',
  },
  {
    file: 'databases/sql/recorded-outcomes.ts',
    text: 'if (Number(state?.epoch) !== epoch) {',
    without: 'if (Number(state?.epoch) < 0) {',
    tests: ['test/databases/recorded-outcomes.test.ts'],
    keeps: 'Outcomes that come late replace no decision of a later epoch.',
  },
  {
    file: 'databases/sql/recorded-outcomes.ts',
    text: "\"status NOT IN ('pending', 'parked', 'tentative')\"",
    without: "'1 = 1'",
    tests: ['test/databases/recorded-outcomes.test.ts'],
    keeps: 'What a person is to decide about is not replaced by an outcome.',
  },
  {
    file: 'databases/sql/recorded-outcomes.ts',
    text: " AND migration = ? AND ${verdict} = ?`,\n        [...same.map(({ id }) => id), same[0]?.migration ?? '', found],",
    without: " AND migration = ?`,\n        [...same.map(({ id }) => id), same[0]?.migration ?? ''],",
    tests: ['test/databases/recorded-outcomes.test.ts'],
    keeps: 'An outcome that has changed since it was read is copied again.',
  },
];
