import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Notices } from '../../cli/notices.ts';
import { hearing, waitingFor } from '../../client/waits.ts';

let said: string[];
let notices: Notices;
beforeEach(() => {
  vi.useFakeTimers();
  said = [];
  notices = new Notices((line) => said.push(line), 3_000);
});
afterEach(() => {
  notices.stop();
  vi.useRealTimers();
});

test('what lasts is said after 3 s, and again, with the time', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const work = hearing(notices, () => waitingFor('Temporal', () => promise));
  await vi.advanceTimersByTimeAsync(2_999);
  expect(said).toEqual([]);
  await vi.advanceTimersByTimeAsync(3_001);
  expect(said).toEqual(['waiting for Temporal (3 s)', 'waiting for Temporal (6 s)']);
  resolve();
  await work;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(said).toHaveLength(2);
});

test('what lasts very long is said seldom', async () => {
  const over = notices.begin('the end of a reconciliation');
  await vi.advanceTimersByTimeAsync(30_000);
  expect(said).toHaveLength(10);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(said).toHaveLength(12);
  over();
});

test('both stores are said in one line, and what is asked within a wait is not said beside it', async () => {
  const never = new Promise<void>(() => undefined);
  hearing(notices, () => {
    void waitingFor('the legacy store', () => never);
    void waitingFor('the modern store', () => waitingFor('an inner thing', () => never));
    void waitingFor('the modern store', () => never);
  });
  await vi.advanceTimersByTimeAsync(3_000);
  expect(said).toEqual(['waiting for the legacy store and the modern store (3 s)']);
});

test('nobody is told where nobody listens, and nothing is said of what has failed', async () => {
  expect(await waitingFor('it', async () => 1)).toBe(1);
  const failing = hearing(notices, () => waitingFor('it', () => Promise.reject(new Error('no'))));
  await expect(failing).rejects.toThrow('no');
  await vi.advanceTimersByTimeAsync(9_000);
  expect(said).toEqual([]);
});
