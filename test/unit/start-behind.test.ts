import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { WrittenHere } from '../../client/service/embedded-worker.ts';
import { StartBehind } from '../../client/service/start-behind.ts';
import { LockstepError } from '../../model/failure.ts';
import { until } from '../support/until.ts';

/** What was started, and how many writes each has. */
let starts: { type: string; id: string; writes: number }[];
let isAway: boolean;
let behind: StartBehind;
const warnings: Error[] = [];
const listen = (warning: Error) => void warnings.push(warning);

beforeEach(() => {
  starts = [];
  warnings.length = 0;
  isAway = false;
  process.on('warning', listen);
  const taken = new Map<string, number>();
  behind = new StartBehind(
    {
      open: async () => null,
      takeOver: (id, writes) => void taken.set(id, writes.length),
      begun: (_, started) => void started.catch(() => undefined),
    },
    async ({ workflowType, workflowId }) => {
      if (isAway) throw new LockstepError('TemporalUnavailable', 'Temporal is away');
      starts.push({ type: workflowType, id: workflowId, writes: taken.get(workflowId) ?? 0 });
      return true;
    },
  );
});
afterEach(async () => {
  await behind.close();
  process.off('warning', listen);
});

function written(
  id: string,
  given: { epoch?: number; bytes?: number; validateAfterMs?: number } = {},
): WrittenHere {
  const { epoch = 1, bytes = 1, validateAfterMs = null } = given;
  const operation = { id, entity: 'account', kind: 'create', key: [id], image: { note: 'x'.repeat(bytes) } };
  const route = { epoch, primary: 'legacy', secondary: 'modern' };
  const input = { migration: 'm', operation, route, ack: 'both', dualWrite: true, validateAfterMs };
  return { input, completed: Promise.resolve() } as unknown as WrittenHere;
}

test('writes gather for one workflow; one that is alone has its own', async () => {
  for (let index = 0; index < 20; index++) behind.add(written(`w${index}`));
  await until('they have a workflow', async () => starts.length > 0);
  behind.add(written('alone'));
  await until('it has one', async () => starts.length > 1);
  expect(starts).toMatchObject([
    { type: 'writeGroup', writes: 20 },
    { type: 'write', writes: 1, id: expect.stringContaining('alone') },
  ]);
});

test('a write that is sent again while it waits has one workflow, and takes its room once', async () => {
  for (let sent = 0; sent < 50; sent++) behind.add(written('w', { bytes: 100_000 }));
  await behind.room(0);
  await behind.close();
  expect(starts).toMatchObject([{ type: 'write' }]);
});

test('writes of two routes share no workflow, nor does one that is read back later', async () => {
  behind.add(written('a'));
  behind.add(written('b', { epoch: 2 }));
  behind.add(written('c', { validateAfterMs: 5 }));
  behind.add(written('d'));
  await behind.close();
  expect(starts.map(({ writes }) => writes)).toEqual([2, 1, 1]);
});

test('a workflow has a bounded input', async () => {
  for (let index = 0; index < 4; index++) behind.add(written(`w${index}`, { bytes: 200_000 }));
  await behind.close();
  expect(starts.map(({ writes }) => writes)).toEqual([2, 2]);
  starts = [];
  for (let index = 0; index < 4_500; index++) behind.add(written(`small${index}`));
  await behind.close();
  expect(starts.map(({ writes }) => writes)).toEqual([4_000, 500]);
});

test('while Temporal is away they wait, told once, and further writes have room to a bound', async () => {
  isAway = true;
  for (let index = 0; index < 50; index++) behind.add(written(`w${index}`, { bytes: 100_000 }));
  await expect(behind.room(5)).rejects.toMatchObject({
    code: 'Overloaded',
    details: { measured: { waiting: 50 } },
  });
  await until('it is told', async () => warnings.length > 0);
  expect(String(warnings[0])).toMatch(/50 writes .* wait for their workflows: Temporal is away/);
  let isReady = false;
  const ready = behind.whenReady().then(() => {
    isReady = true;
  });
  await sleep(1);
  expect(isReady).toBe(false);
  isAway = false;
  await ready;
  await behind.room(1);
  await behind.close();
  expect(starts.reduce((sum, { writes }) => sum + writes, 0)).toBe(50);
  expect(warnings).toHaveLength(1);
});

test('close tries what is left once', async () => {
  isAway = true;
  behind.add(written('w'));
  await behind.close();
  expect(starts).toEqual([]);
  await until('it is told', async () => warnings.length > 0);
});
