import { expect, test } from 'vitest';
import { roundsEvery } from '../../client/operator/schedules.ts';

test('a run of a schedule goes on for half an hour, or for 200 rounds, and at least for one', () => {
  expect(roundsEvery(20_000)).toEqual({ everyMs: 20_000, rounds: 90 });
  expect(roundsEvery(60_000)).toEqual({ everyMs: 60_000, rounds: 30 });
  expect(roundsEvery(1_000)).toEqual({ everyMs: 1_000, rounds: 200 });
  expect(roundsEvery(7_200_000)).toEqual({ everyMs: 7_200_000, rounds: 1 });
  // Such a schedule is removed.
  expect(roundsEvery(0).rounds).toBe(200);
});
