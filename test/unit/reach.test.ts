import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LockstepError } from '../../model/failure.ts';
import { Reach } from '../../workers/reach.ts';

/** Three seconds, and the moment after. */
const silentMs = 3_100;
const never = () => new Promise<never>(() => undefined);
const unavailable = () => Promise.reject(new LockstepError('StoreUnavailable', 'away', { store: 'modern' }));

let ping: () => Promise<void>;
let lines: string[];
let reach: Reach;
beforeEach(() => {
  vi.useFakeTimers();
  ping = async () => undefined;
  lines = [];
  const stores = {
    legacy: { name: 'legacy', address: 'a', ping: async () => undefined },
    modern: { name: 'modern', address: 'b', ping: () => ping() },
  } as const;
  reach = new Reach(stores, (message, { store }) => lines.push(`${store}: ${message}`));
  reach.start();
});
afterEach(() => {
  reach.stop();
  vi.useRealTimers();
});

test('a store that answers is there', async () => {
  await vi.advanceTimersByTimeAsync(10 * silentMs);
  expect(lines).toEqual([]);
  expect(await reach.ask('modern', async () => 7)).toBe(7);
});

test.each([
  ['does not answer', never],
  ['refuses connections', unavailable],
])('a store that %s is away after a while, and back with its first answer', async (_, silence) => {
  let changes = 0;
  reach.onChange(() => {
    changes += 1;
  });
  ping = silence;
  const waiting = expect(reach.ask('modern', never)).rejects.toMatchObject({
    code: 'StoreUnavailable',
    details: { store: 'modern' },
  });
  await vi.advanceTimersByTimeAsync(silentMs);
  await waiting;
  const call = vi.fn(async () => 7);
  await expect(reach.ask('modern', call)).rejects.toMatchObject({ code: 'StoreUnavailable' });
  expect(call).not.toHaveBeenCalled();
  expect(await reach.ask('legacy', call)).toBe(7);
  expect([reach.isAway('legacy'), reach.isAway('modern'), changes]).toEqual([false, true, 1]);
});

test('one that comes back is asked again', async () => {
  ping = unavailable;
  await vi.advanceTimersByTimeAsync(silentMs);
  ping = async () => undefined;
  await vi.advanceTimersByTimeAsync(500);
  expect(reach.isAway('modern')).toBe(false);
  expect(lines).toEqual([
    'modern: a store does not answer this worker',
    'modern: a store answers this worker again',
  ]);
});

test('a store that answers statements is there, though its sign of life is late', async () => {
  ping = never;
  for (let second = 0; second < 10; second++) {
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await reach.ask('modern', async () => 7, true)).toBe(7);
  }
  expect(reach.isAway('modern')).toBe(false);
});

test('what this process answers by itself says nothing of the store', async () => {
  ping = unavailable;
  for (let half = 0; half < 6; half++) {
    await reach.ask('modern', async () => 7).catch(() => null);
    const refused = reach.ask('modern', () => Promise.reject(new LockstepError('NotPrepared', 'no', {})));
    await refused.catch(() => null);
    await vi.advanceTimersByTimeAsync(silentMs / 6);
  }
  expect(reach.isAway('modern')).toBe(true);
});
