import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isAlive, ownIdentity } from '../../scripts/identity.mjs';
import { withLock } from '../../scripts/lock.mjs';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lockstep-lock-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('one at a time', async () => {
  const file = join(folder, 'one');
  let inside = 0;
  let most = 0;
  const work = async () => {
    inside += 1;
    most = Math.max(most, inside);
    await sleep(5);
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 8 }, () => withLock(file, work)));
  expect(most).toBe(1);
});

test('the lock of a process that is gone is taken over by exactly one', async () => {
  const file = join(folder, 'gone');
  await writeFile(file, JSON.stringify({ ...ownIdentity(), startedAt: 'another boot' }));
  let inside = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 8 }, () =>
      withLock(file, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await sleep(5);
        inside -= 1;
      }),
    ),
  );
  expect(most).toBe(1);
});

test('a lock is released when the work fails, and waiting has an end', async () => {
  const file = join(folder, 'fails');
  await expect(withLock(file, () => Promise.reject(new Error('work failed')))).rejects.toThrow('work failed');
  await withLock(file, () =>
    expect(withLock(file, async () => {}, { timeoutMs: 150 })).rejects.toThrow(`process ${process.pid}`),
  );
});

test('a recycled process id is not the process it was', () => {
  expect(isAlive(ownIdentity())).toBe(true);
  expect(isAlive({ ...ownIdentity(), startedAt: 'earlier' })).toBe(false);
});
