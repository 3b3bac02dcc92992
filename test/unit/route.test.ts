import { expect, test } from 'vitest';
import { routeOf } from '../../model/operation.ts';
import { type DurableState, newestState, type Phase, phases } from '../../model/phase.ts';

function stateIn(phase: Phase, epoch = 1, changeNumber = epoch): DurableState {
  return { migration: 'any', phase, epoch, changeNumber, open: true, readPercent: 0, writePercent: 100 };
}

test('a flag leaves the secondary out in dual-write only', () => {
  const leftOut = phases.filter((phase) => {
    const state = stateIn(phase);
    return routeOf(state).secondary !== routeOf(state, false).secondary;
  });
  expect(leftOut).toEqual(['dual-write']);
  expect(routeOf(stateIn('dual-write', 7), false)).toEqual({ epoch: 7, primary: 'legacy', secondary: null });
});

test('the newest state is that of the later change, and legacy’s where both are of one change', () => {
  const [older, newer] = [stateIn('dual-write', 2), stateIn('backfill', 3)];
  expect(newestState(older, newer)).toBe(newer);
  expect(newestState(newer, older)).toBe(newer);
  expect(newestState(older, stateIn('dual-write', 2, 3))).not.toBe(older);
  expect(newestState(older, stateIn('backfill', 2))).toBe(older);
  expect(newestState(null, older)).toBe(older);
  expect(newestState(older, null)).toBe(older);
  expect(newestState(null, null)).toBeNull();
});
