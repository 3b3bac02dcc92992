import { expect, test } from 'vitest';
import { ChunkSize } from '../activities/chunk-size.ts';
import { LiveLatency } from '../activities/live-latency.ts';
import { Throttle } from '../activities/throttle.ts';

/** Live writes of a given length, without waiting for any of it. */
async function latencyWith(quietMs: number, copyingMs: number) {
  let now = 0;
  const latency = new LiveLatency(() => now);
  const write = (ms: number) =>
    latency.timing(async () => {
      now += ms;
    });
  for (let turn = 0; turn < 20; turn++) await write(quietMs);
  await latency.whileCopying(async () => {
    for (let turn = 0; turn < 20; turn++) await write(copyingMs);
  });
  return latency;
}

async function pauses(throttle: Throttle, chunks: number): Promise<number[]> {
  const paused: number[] = [];
  for (let chunk = 0; chunk < chunks; chunk++) {
    await throttle.copying(
      () => new Promise((resolve) => setTimeout(resolve, 5)),
      async (ms) => {
        paused.push(ms);
      },
    );
  }
  return paused;
}

test('without live writes nothing is given way to', async () => {
  const throttle = new Throttle(new LiveLatency(), 1.5);
  expect(throttle.holds).toBe(false);
  expect(await pauses(throttle, 3)).toEqual([]);
});

test('a copy that slows live writes pauses longer and longer, one that does not pauses less and less', async () => {
  const slowed = await pauses(new Throttle(await latencyWith(2, 20), 1.5), 8);
  const unharmed = await pauses(new Throttle(await latencyWith(2, 2), 1.5), 40);
  expect(slowed).toHaveLength(8);
  // A chunk takes at least 5 ms here: at the least share of a tenth, nine times as long is paused.
  expect(slowed.at(-1)).toBeGreaterThanOrEqual(40);
  expect(unharmed.at(-1)).toBeLessThan(unharmed[0] ?? 0);
});

test('a factor of 0 never gives way', async () => {
  expect(await pauses(new Throttle(await latencyWith(2, 200), 0), 3)).toEqual([]);
});

test('one chunk at a time while live writes go on', async () => {
  const throttle = new Throttle(await latencyWith(2, 2), 1.5);
  let underWay = 0;
  let most = 0;
  const copy = async () => {
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setTimeout(resolve, 2));
    underWay -= 1;
  };
  await Promise.all([1, 2, 3].map(() => throttle.copying(copy, async () => undefined)));
  expect(most).toBe(1);
});

test('a chunk grows to half a second, at most doubles, and stays within bounds', () => {
  const size = new ChunkSize(50_000);
  expect(size.keys(null)).toBe(1_000);
  const learn = (given: Partial<Parameters<ChunkSize['learn']>[0]>) =>
    size.learn({ keys: size.keys(null), bytes: size.keys(null) * 100, ms: 10, live: false, ...given });
  learn({});
  expect(size.keys(null)).toBe(2_000);
  for (let turn = 0; turn < 10; turn++) learn({});
  expect(size.keys(null)).toBe(41_943);
  learn({ ms: 1_000 });
  expect(size.keys(null)).toBe(20_971);
  learn({ ms: 10_000, live: true });
  expect(size.keys(null)).toBe(500);
  learn({ bytes: 500 * 1024 * 1024 });
  expect(size.keys(null)).toBe(4);
  expect(size.keys(2)).toBe(1);
});
