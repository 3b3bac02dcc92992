import { expect, test } from 'vitest';
import { planFault } from '../../databases/backfill/checkpoint-faults.ts';

type Row = Record<string, string | null>;

const row = (range: number, lower: string | null, upper: string | null): Row => ({
  range_no: String(range),
  lower_key: lower,
  upper_key: upper,
  cursor_key: lower,
  done: '0',
  copied: '0',
  skipped: '0',
  refused: '0',
  bytes: '0',
});
const plan = [row(0, null, '["3"]'), row(1, '["3"]', '["7"]'), row(2, '["7"]', null)];
const changed = (range: number, change: Row) =>
  plan.map((one, at) => (at === range ? { ...one, ...change } : one));

test('what Lockstep plans is a plan, and so is nothing', () => {
  expect(planFault(plan)).toBeNull();
  expect(planFault([row(0, null, null)])).toBeNull();
  expect(planFault([])).toBeNull();
});

test.each([
  ['whose first range is gone', plan.slice(1), 'range 0 is missing'],
  ['whose second range is gone', [plan[0], plan[2]], 'range 1 is missing'],
  ['whose last range is gone', plan.slice(0, 2), 'end before the last key'],
  ['with a bound that is no key', changed(1, { upper_key: '{}' }), 'range 1 has a bound'],
  ['with a cursor that is no key', changed(2, { cursor_key: '[7]' }), 'range 2 has a bound or a cursor'],
  ['with a gap', changed(1, { lower_key: '["4"]' }), 'range 1 does not begin'],
  ['with ranges that overlap', changed(1, { lower_key: null }), 'range 1 does not begin'],
  ['whose first range has a lower bound', changed(0, { lower_key: '["1"]' }), 'range 0 does not begin'],
  ['open in the middle', [row(0, null, null), row(1, null, null)], 'range 1 does not begin'],
  ['of a range that is half done', changed(1, { done: '2' }), 'range 1 is neither done nor open'],
  ['that has counted backwards', changed(1, { bytes: '-1' }), 'range 1 has counted fewer'],
])('a plan %s is none', (_, rows, fault) => {
  expect(planFault(rows.filter((one) => one !== undefined))).toContain(fault);
});
