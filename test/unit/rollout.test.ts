import { expect, test } from 'vitest';
import { isInRollout } from '../../model/rollout.ts';

const keys = Array.from({ length: 20_000 }, (_, index) => String(1_000_000 + index));
const shareOf = (entity: string, percent: number) => keys.filter((key) => isInRollout(entity, key, percent));

test.each([1, 10, 50])('%s % of neighbouring keys are in a share of as much', (percent) => {
  expect((shareOf('order', percent).length / keys.length) * 100).toBeGreaterThan(percent - 1);
  expect((shareOf('order', percent).length / keys.length) * 100).toBeLessThan(percent + 1);
});

test('a smaller share lies inside a larger one, and nothing and everything are what they say', () => {
  const larger = new Set(shareOf('order', 30));
  expect(shareOf('order', 10).filter((key) => !larger.has(key))).toEqual([]);
  expect(shareOf('order', 0)).toEqual([]);
  expect(shareOf('order', 100)).toEqual(keys);
});

test('keys of one entity say nothing about those of another', () => {
  const orders = new Set(shareOf('order', 50));
  const both = shareOf('invoice', 50).filter((key) => orders.has(key)).length;
  expect(both / keys.length).toBeGreaterThan(0.2);
  expect(both / keys.length).toBeLessThan(0.3);
});
