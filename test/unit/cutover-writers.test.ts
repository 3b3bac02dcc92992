import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { LockstepError } from '../../model/failure.ts';
import { PromiseLog } from '../../proofs/account/promises.ts';
import { Writers } from '../../proofs/cutover/writers.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-writers-'));
afterAll(() => rmSync(folder, { recursive: true }));

const refuse = () => Promise.reject(new LockstepError('NotFound', 'there is none'));
const accounts = { create: refuse, replace: refuse, update: refuse, delete: refuse, get: refuse };

test('one write in twenty is sent again, however short the run is and whatever was drawn', async () => {
  const log = new PromiseLog(join(folder, 'promises.jsonl'));
  const writers = new Writers({
    accountsOf: () => accounts,
    isReadBack: () => false,
    log,
    seed: 1,
    callers: 4,
    perSecond: 4_000,
  });
  writers.start();
  while (log.all().length < 200) await new Promise((resolve) => setTimeout(resolve, 1));
  // The primary never changes, so those that wait for it are sent at the end.
  await writers.stop();
  const again = writers.calls.filter(({ repeat }) => repeat !== null).map(({ operationId }) => operationId);
  const every20th = log.all().flatMap((_, at) => ((at + 1) % 20 === 0 ? [`write-${at + 1}`] : []));
  expect(again.toSorted()).toEqual(every20th.toSorted());
  expect(writers.calls.some(({ repeat }) => repeat === 'at the end')).toBe(true);
});
