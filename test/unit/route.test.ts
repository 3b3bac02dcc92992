import { expect, test } from 'vitest';
import { routeOf } from '../../model/operation.ts';
import {
  changesWriteRoute,
  type DurableState,
  newestState,
  type Phase,
  phaseBefore,
  phases,
} from '../../model/phase.ts';

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

test('there is a way back while legacy receives every write, and none afterwards', () => {
  expect(phases.map(phaseBefore)).toEqual([
    null,
    'legacy-only',
    'dual-write',
    'backfill',
    'validate',
    'switch-reads',
    null,
    null,
  ]);
});

test('writes of a phase are fenced out wherever they would land elsewhere in the next one', () => {
  const fenced = phases.filter((phase, at) => at > 0 && changesWriteRoute(phases[at - 1] ?? phase, phase));
  expect(fenced).toEqual(['dual-write', 'backfill', 'switch-primary', 'modern-only']);
});
