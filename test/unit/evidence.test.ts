import { expect, test } from 'vitest';
import { type Evidence, evidenceFault } from '../../model/evidence.ts';
import { upperBoundOf } from '../../workflows/comparison/tally.ts';

const at = '2030-01-31T12:00:00.000Z';
const now = Date.parse(at) + 60_000;
const policy = { evidenceMaxAgeMs: 60_000, evidenceMaxWrongShare: 0.001 };
const sound: Evidence = {
  began: at,
  at,
  mode: 'sample',
  seed: 1,
  compared: 4_000,
  differences: 0,
  ambiguous: 0,
  inFlight: 0,
  upperBound: 0.001,
};

test('evidence holds up to its age and to the share that the policy allows', () => {
  expect(evidenceFault({ evidence: sound, evidenceVoided: null }, policy, now)).toBeNull();
});

test.each<[string, Evidence | null, number]>([
  ['there is none', null, now],
  ['it is too old', sound, now + 1],
  ['it found a difference', { ...sound, differences: 1 }, now],
  ['it proves too little', { ...sound, upperBound: 0.0011 }, now],
])('evidence does not hold where %s', (_, evidence, when) => {
  expect(evidenceFault({ evidence, evidenceVoided: null }, policy, when)?.why).toContain('lockstep validate');
});

test('evidence that was voided says by what', () => {
  const evidenceVoided = { at, reason: 'a repair changed rows' };
  expect(evidenceFault({ evidence: null, evidenceVoided }, policy, now)?.why).toContain(
    'a repair changed rows',
  );
});

const tally = { compared: 0, differences: 0, ahead: 0, ambiguous: 0, inFlight: 0 };

test.each([
  ['all keys without a difference prove that none differs', { ...tally, compared: 10 }, true, 0],
  ['of all keys the share that differs is counted', { ...tally, compared: 10, differences: 1 }, true, 0.1],
  ['a sample without a difference proves the rule of three', { ...tally, compared: 3_000 }, false, 0.001],
  ['keys in flight prove nothing', { ...tally, compared: 3_000, inFlight: 1_500 }, false, 0.002],
  ['a sample of nothing proves nothing', { ...tally, compared: 5, inFlight: 5 }, false, 1],
  [
    'nor does one of keys in flight that differ',
    { ...tally, compared: 5, inFlight: 5, differences: 1 },
    false,
    1,
  ],
])('%s', (_, found, whole, bound) => {
  expect(upperBoundOf(found, whole)).toBeCloseTo(bound, 10);
});

test('samples of two stores that differ in all their keys prove nothing', () => {
  expect(upperBoundOf({ ...tally, compared: 1_000, differences: 2_000 }, false)).toBe(1);
});

test('a sample with differences is bounded above the share that it found', () => {
  const bound = upperBoundOf({ ...tally, compared: 1_000, differences: 10 }, false);
  expect(bound).toBeGreaterThan(0.01);
  expect(bound).toBeLessThan(0.02);
});
