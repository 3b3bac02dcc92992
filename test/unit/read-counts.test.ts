import { expect, test } from 'vitest';
import { isNotModern, noReads, overBudget, type ReadCounts } from '../../model/read-counts.ts';

const budget = { readBudget: 0.01, readBudgetReads: 1_000 };
const counted = (given: Partial<ReadCounts>): ReadCounts => ({ ...noReads, ...given });

test.each<[string, Partial<ReadCounts>, string | null]>([
  ['nothing was read', {}, null],
  ['few disagree among few', { equal: 40, unequal: 10 }, null],
  ['more disagree than may among the least', { unequal: 11 }, 'mismatches'],
  ['as many disagree as may', { equal: 1_980, unequal: 20 }, null],
  ['more disagree than may', { equal: 1_980, unequal: 21 }, 'mismatches'],
  ['many are being written', { equal: 10, inFlight: 1_000 }, null],
  ['modern leaves as many unanswered as it may', { modern: 1_980, fellBack: 20 }, null],
  ['modern leaves more unanswered than it may', { modern: 1_980, fellBack: 21 }, 'failures'],
  ['many are late or undecided', { modern: 10, lagged: 1_000, undecided: 1_000 }, null],
])('where %s, the budget says so', (_, counts, kind) => {
  expect(overBudget(counted(counts), budget)?.kind ?? null).toBe(kind);
});

test('what legacy answers because modern is late keeps reads from being all modern', () => {
  expect(isNotModern(counted({ modern: 1_000, lagged: 10 }), budget)).toBe(false);
  expect(isNotModern(counted({ modern: 1_000, lagged: 11 }), budget)).toBe(true);
  expect(isNotModern(counted({ modern: 1_000, legacy: 500, undecided: 500 }), budget)).toBe(false);
});

test('no mismatch is allowed with a budget of nothing', () => {
  expect(overBudget(counted({ equal: 1_000_000, unequal: 1 }), { ...budget, readBudget: 0 })?.reason).toBe(
    '1 of 1000001 shadow reads disagreed',
  );
});
