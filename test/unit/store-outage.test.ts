import { expect, test } from 'vitest';
import { StoreOutage } from '../../activities/write/store-outage.ts';

const policy = { secondaryRetryMs: 100, secondaryRetryMaxMs: 10_000 };

test('the pause grows with the outage, within the bounds of the policy', () => {
  let now = 0;
  const outage = new StoreOutage(policy, () => now);
  expect(outage.pauseMs('modern')).toBe(100);
  now = 4_000;
  const pause = outage.pauseMs('modern');
  expect(pause).toBeGreaterThanOrEqual(2_000);
  expect(pause).toBeLessThanOrEqual(4_000);
  now = 3_600_000;
  expect(outage.pauseMs('modern')).toBe(10_000);
});

test('it is over with the first answer, and each store has its own', () => {
  let now = 0;
  const outage = new StoreOutage(policy, () => now);
  outage.pauseMs('modern');
  now = 4_000;
  expect(outage.pauseMs('legacy')).toBe(100);
  outage.ended('modern');
  expect(outage.pauseMs('modern')).toBe(100);
});
