import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import * as messages from '../../workflows/messages.ts';
import { advanceTo, bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { until } from '../support/until.ts';

let at: RunningMigration;
const overdue: { migration: string; phase: string; deadline: string }[] = [];
beforeAll(async () => {
  at = await runningMigration('dual-write', {
    backfill: { chunkKeys: 5 },
    onOverdue: async (told) => {
      overdue.push(told);
    },
  });
  for (let id = 1; id <= 60; id++)
    await at.sql.legacy(`INSERT INTO accounts VALUES (${id}, 'old ${id}', NULL, 5.00)`);
});
beforeEach(() => bringTo(at.lockstep, 'dual-write'));
afterAll(() => at?.[Symbol.asyncDispose]());

const control = () => at.lockstep.control;
const handle = () => at.temporal.workflow.getHandle(messages.migrationWorkflowId(at.migration.name));

test('a paused migration does not advance, by update or by signal', async () => {
  await control().send('rollback');
  expect(await control().send('pause')).toMatchObject({ paused: true });
  await expect(control().send('advance')).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'paused' },
  });
  await handle().signal('advance');
  expect(await control().send('resume')).toMatchObject({ paused: false, phase: 'legacy-only', busy: null });
});

test('a server with priorities gives the migration its turn before writes, and its bulk work beside them', async () => {
  const { name } = at.migration;
  const priorityOf = async (workflowId: string) =>
    (await at.temporal.workflow.getHandle(workflowId).describe()).priority?.priorityKey;
  await advanceTo(at.lockstep, 'backfill');
  await until('the backfill is started', async () => (await control().status()).backfill !== null);
  expect(await priorityOf(messages.migrationWorkflowId(name))).toBe(1);
  expect(await priorityOf(messages.backfillWorkflowId(name))).toBe(3);
});

test('signals pause, resume and advance', async () => {
  await control().send('rollback');
  await handle().signal('pause');
  expect(await control().status()).toMatchObject({ paused: true });
  await handle().signal('resume');
  expect(await control().status()).toMatchObject({ paused: false });
  await handle().signal('advance');
  await until('the signal has advanced', async () => (await control().status()).phase === 'dual-write');
});

test('a long history is begun anew, and the migration goes on as it was', async () => {
  const before = await control().status();
  const { runId } = await handle().describe();
  await lengthenHistory();
  await until('the history is begun anew', async () => (await handle().describe()).runId !== runId);
  expect(await control().status()).toEqual(before);
});

test('a workflow whose history is long, and that is cancelled in the middle of a change, makes it first', async () => {
  using change = at.gates.close('modern', 'writeState');
  const advancing = control()
    .send('advance')
    .catch((error: unknown) => error);
  await change.waiting();
  await lengthenHistory();
  await handle().cancel();
  change.open();
  await expect(handle().result()).rejects.toThrow();
  await advancing;
  expect((await handle().describe()).status.name).toBe('CANCELLED');
  for (const store of ['legacy', 'modern'] as const)
    expect(await at.stores[store].readState(at.migration.name)).toMatchObject({
      phase: 'backfill',
      open: true,
    });
  expect(await control().start()).toMatchObject({ phase: 'backfill' });
});

/** So that it is to begin anew as soon as nothing is changing. */
async function lengthenHistory(): Promise<void> {
  const { runId: first } = await handle().describe();
  await until('the history is long', async () => {
    await Promise.all(Array.from({ length: 20 }, () => handle().signal('resume')));
    const { runId, historyLength } = await handle().describe();
    return runId !== first || historyLength > 1_000;
  });
}

test('a signal that a gate refuses shows in the status', async () => {
  await at.proxies.modern.cut();
  await handle().signal('advance');
  const { phase } = await until('the signal was refused', async () => {
    const status = await control().status();
    return status.lastFailure?.includes('gate of backfill') && status;
  });
  expect(phase).toBe('dual-write');
});

test('of two changes at once one is refused, and names the other', async () => {
  const results = await Promise.allSettled([control().send('advance'), control().send('advance')]);
  const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  expect(refused).toMatchObject([{ code: 'GateRefused', details: { gate: 'busy' } }]);
  expect(String(refused[0])).toContain('advance is in progress');
  expect(await control().status()).toMatchObject({ phase: 'backfill' });
  await until('the backfill is done', async () => (await control().status()).backfill?.done);
});

test('pause holds a backfill where it is, and resume lets it go on', async () => {
  using pages = at.gates.close('modern', 'loadPage', { after: 2 });
  await control().send('advance');
  await pages.waiting();
  await control().send('pause');
  await until('no slice is under way', isHeld);
  pages.open();
  const chunks = await at.stores.modern.chunks(at.migration.name, 'account');
  expect(chunks.some(({ cursor }) => cursor !== null)).toBe(true);
  expect(chunks.every(({ done }) => done)).toBe(false);
  expect(await isHeld()).toBe(true);
  expect(await at.stores.modern.chunks(at.migration.name, 'account')).toEqual(chunks);
  await control().send('resume');
  await until('the backfill is done', async () => (await control().status()).backfill?.done);
  await expect(control().startValidation({ sample: 10, seed: 1 })).resolves.toMatchObject({
    validating: true,
  });
});

/** The answer to a query comes behind all that the workflow has yet to do. */
async function isHeld(): Promise<boolean> {
  const isIdle = (await runningActivities('backfill')) === 0;
  await control().status();
  return isIdle && (await runningActivities('backfill')) === 0;
}

async function runningActivities(bulk: string): Promise<number> {
  const { raw } = await at.temporal.workflow.getHandle(`${bulk}/${at.migration.name}`).describe();
  return raw.pendingActivities?.length ?? 0;
}

test.each([-1, 101, 1.5, Number.NaN])('a share of %s is refused', async (percent) => {
  await expect(control().setReadPercent(percent)).rejects.toMatchObject({ code: 'InvalidInput' });
  await expect(control().setWritePercent(percent)).rejects.toMatchObject({ code: 'InvalidInput' });
});

test('shares that belong to another phase are refused', async () => {
  await control().send('advance');
  await expect(control().setReadPercent(10)).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'reads' },
  });
  await expect(control().setWritePercent(10)).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'writes' },
  });
});

test.each([0, -5, Number.POSITIVE_INFINITY])('a rate of %s is refused', async (rate) => {
  await expect(control().setRate(rate)).rejects.toMatchObject({ code: 'InvalidInput' });
});

test.each([0, -1, 2.5])('a sample of %s is refused', async (sample) => {
  await expect(control().startValidation({ sample, seed: 1 })).rejects.toMatchObject({
    code: 'InvalidInput',
  });
});

test('a deadline that is no time is refused', async () => {
  await expect(control().setDeadline('soon')).rejects.toMatchObject({ code: 'InvalidInput' });
});

test('a deadline that has passed shows everywhere and in every phase, until it is moved', async () => {
  await control().send('advance');
  expect(await control().status()).toMatchObject({ overdue: false, deadlineNear: false });
  const shown = async () => (await handle().describe()).searchAttributes[messages.searchAttributes.deadline];
  expect(await shown()).toEqual(['ahead']);
  const near = new Date(Date.now() + 3_600_000).toISOString();
  expect(await control().setDeadline(near)).toMatchObject({ deadline: near, overdue: false });
  await until('it is near', async () => (await control().status()).deadlineNear);
  await until('the attribute says so', async () => (await shown())?.[0] === 'near');
  expect(overdue).toEqual([]);

  const deadline = new Date(Date.now() + 500).toISOString();
  expect(await control().setDeadline(deadline)).toMatchObject({ deadline });
  await until('it is overdue', async () => (await control().status()).overdue);
  await until('the hook was called', async () => overdue.length > 0);
  expect(overdue).toEqual([{ migration: at.migration.name, phase: 'backfill', deadline }]);
  await advanceTo(at.lockstep, 'validate');
  expect(await control().status()).toMatchObject({ overdue: true });
  expect(await shown()).toEqual(['overdue']);

  expect(await control().setDeadline('2100-01-01T00:00:00Z')).toMatchObject({ overdue: false });
  expect(await shown()).toEqual(['ahead']);
  expect(overdue).toHaveLength(1);
});
