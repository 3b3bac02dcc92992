import { expect, test } from 'vitest';
import { ChunkSize, hugeBytes } from '../../activities/backfill/chunk-size.ts';

test('after a chunk with huge rows the next one is to be alone', () => {
  const size = new ChunkSize(1_000);
  const learn = (bytes: number) => size.learn({ keys: 1, bytes, ms: 10, live: false });
  expect(size.isHuge).toBe(false);
  learn(hugeBytes);
  expect(size.isHuge).toBe(true);
  learn(hugeBytes - 1);
  expect(size.isHuge).toBe(false);
});
