import { ScheduleNotFoundError } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createJournalActivities } from '../../activities/journal/journal.ts';
import { convergeKeys } from '../../activities/write/converge.ts';
import { restore } from '../../activities/write/restore.ts';
import { undoId } from '../../activities/write/undo.ts';
import type { LocatedEntry, RetryOptions } from '../../client/operator/journal-control.ts';
import { scheduleJournal } from '../../client/operator/journal-schedules.ts';
import { removeSchedules } from '../../client/operator/schedules.ts';
import type { WriteOptions } from '../../client/service/write-options.ts';
import { keyOf } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { imageOf } from '../../model/field.ts';
import { HybridClock } from '../../model/version.ts';
import { writeWorkflowId } from '../../workflows/messages.ts';
import { type Account, account, newAccount, refusedByModern, twin } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, entryIn, rowIn, rowsOf, tableOf, versionsOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';
import { expectedRows, write } from '../support/writers.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
});
afterAll(() => at?.[Symbol.asyncDispose]());

const everything: RetryOptions = { parked: false, olderThanMs: 0, ids: null };
const retry = (options: Partial<RetryOptions> = {}) =>
  at.lockstep.journal.retry({ ...everything, ...options });
const workflowOf = (operationId: string) =>
  at.temporal.workflow.getHandle(writeWorkflowId(at.migration.name, operationId));
const stageOf = async (operationId: string) => (await at.lockstep.control.writeStatus(operationId)).stage;

async function lifted<T>(work: () => Promise<T>): Promise<T> {
  await at.sql.modern('ALTER TABLE accounts DROP CONSTRAINT accounts_limit');
  try {
    return await work();
  } finally {
    await at.sql.modern(
      'ALTER TABLE accounts ADD CONSTRAINT accounts_limit CHECK (balance < 1000) NOT VALID',
    );
  }
}

/** A write that legacy has, and whose workflow is gone. */
async function orphaned(options: WriteOptions = {}): Promise<{ value: Account; operationId: string }> {
  const value = newAccount();
  await at.proxies.modern.cut();
  const { operationId } = await at.lockstep.repository(account).create(value, options);
  await until('legacy has the write', () => entryIn(at, 'legacy', operationId));
  await workflowOf(operationId).terminate('lost');
  await at.proxies.modern.restore();
  return { value, operationId };
}

/** Operations that are pending at legacy, as if Temporal had lost everything. */
async function pendingOnly(
  values: readonly Account[],
  entity: typeof account | typeof twin = account,
): Promise<string[]> {
  const { name } = at.migration;
  const fence = { migration: name, epoch: (await at.stores.legacy.readState(name))?.epoch ?? 0 };
  const ids: string[] = [];
  for (const value of values) {
    const image = imageOf(entity.fields, value, entity.name);
    const operationId = `pending-${value.id}`;
    const item = {
      mode: 'primary',
      kind: 'create',
      version: '1',
      status: 'pending',
      sharedVersions: [],
    } as const;
    await at.stores.legacy.write(entity, [{ ...item, key: keyOf(entity, image), image, operationId }], fence);
    ids.push(operationId);
  }
  return ids;
}

async function parked(): Promise<{ value: Account; operationId: string }> {
  const value = newAccount({ balance: refusedByModern });
  const { operationId } = await at.lockstep.repository(account).create(value);
  await until('the write is parked', async () => (await stageOf(operationId)) === 'parked');
  return { value, operationId };
}

test.each<[string, WriteOptions]>([
  ['that was answered', {}],
  ['of which only the intent was recorded', { ack: 'recorded' }],
])('a pending write %s and whose workflow is gone is finished', async (_, options) => {
  const { value, operationId } = await orphaned(options);
  expect(await rowsOf(at, 'accounts', value.id)).toEqual([expect.anything(), null]);
  expect(await retry()).toMatchObject({ failed: 0, stopped: null });
  const [legacy, modern] = await versionsOf(at, account, value.id);
  expect(legacy).toBe(modern);
  expect(await rowIn(at, 'modern', 'accounts', value.id)).toMatchObject({ owner: value.owner });
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'completed' });
});

test('a write without a workflow that the other store refuses is parked, and waits for a person', async () => {
  const value = newAccount({ balance: refusedByModern });
  const [operationId = ''] = await pendingOnly([value]);
  expect(await retry({ ids: [operationId] })).toMatchObject({ completed: 0, failed: 1 });
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({
    status: 'parked',
    reason: expect.stringContaining('check constraint'),
  });
  await at.lockstep.control.resolve(operationId, 'discard');
  expect((await entryIn(at, 'legacy', operationId))?.status).toBe('discarded');
});

test('only the operations that are asked for are tried, and none that is too young', async () => {
  const [first = '', second = ''] = await pendingOnly([newAccount(), newAccount()]);
  expect(await retry({ olderThanMs: 3_600_000 })).toMatchObject({ completed: 0 });
  expect(await retry({ ids: [second] })).toMatchObject({ completed: 1 });
  expect(await entryIn(at, 'legacy', first)).toMatchObject({ status: 'pending' });
  expect(await retry()).toMatchObject({ completed: 1 });
  await expect(retry({ ids: ['no-such-operation'] })).rejects.toMatchObject({ code: 'UnknownOperation' });
});

test('one that was undone before its workflow was lost ends as undone, and a repeat hears so', async () => {
  const value = newAccount();
  const [operationId = ''] = await pendingOnly([value]);
  await at.stores.legacy.park(operationId, { failure: 'StoreRefused', reason: 'a person has it undone' });
  const { version } = (await entryIn(at, 'legacy', operationId)) ?? {};
  if (!version) throw new Error('legacy has decided');
  const state = await at.stores.legacy.readState(at.migration.name);
  await restore(
    at,
    account,
    {
      key: [String(value.id)],
      image: null,
      readVersion: version,
      version: (BigInt(version) + 1n).toString(),
      operationId: undoId(operationId, version),
    },
    { primary: 'legacy', secondary: 'modern', epoch: state?.epoch ?? 0 },
  );
  expect(await retry({ parked: true, ids: [operationId] })).toMatchObject({ failed: 0, stopped: null });
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'compensated' });
  expect(await rowsOf(at, 'accounts', value.id)).toEqual([null, null]);
  await expect(at.lockstep.repository(account).create(value, { operationId })).rejects.toMatchObject({
    code: 'Compensated',
  });
});

test('one that nothing says to undo is not undone, though its workflow is gone', async () => {
  const value = newAccount();
  const operationIds = await pendingOnly([value], twin);
  const { undoOrphaned } = createJournalActivities({
    ...at,
    clock: new HybridClock(),
    wait: async () => undefined,
    removeSchedules: async () => [],
    log: () => undefined,
  });
  expect(await new MockActivityEnvironment().run(undoOrphaned, { operationIds })).toBe(0);
  expect(await entryIn(at, 'legacy', operationIds[0] ?? '')).toMatchObject({ status: 'pending' });
  expect(await rowIn(at, 'legacy', 'twins', value.id)).toMatchObject({ owner: value.owner });
  expect(await retry({ ids: operationIds })).toMatchObject({ completed: 1 });
});

test('a store that is down stops the retry, and costs no operation a try', async () => {
  const [operationId = ''] = await pendingOnly([newAccount()]);
  const before = await entryIn(at, 'legacy', operationId);
  await at.proxies.modern.cut();
  const { completed: done, stopped } = await retry();
  await at.proxies.modern.restore();
  expect(done).toBe(0);
  expect(stopped).toContain('modern store');
  expect(await entryIn(at, 'legacy', operationId)).toEqual(before);
  expect(await retry()).toMatchObject({ completed: 1, stopped: null });
});

test('a key that cannot be written now keeps no other waiting', async () => {
  const values = [newAccount(), newAccount(), newAccount()];
  const ids = await pendingOnly(values);
  const stuck = String(values[1]?.id);
  at.faults.modern.write = async (entity, items, fence) => {
    if (items.some(({ key }) => key[0] === stuck))
      throw new LockstepError('StoreUnavailable', 'a lock was not given in time', { store: 'modern' });
    return await at.stores.modern.write(entity, items, fence);
  };
  expect(await retry({ ids })).toMatchObject({ completed: 2, failed: 1, stopped: null });
  delete at.faults.modern.write;
  const failed = { status: 'pending', attempts: 1, failure: 'StoreUnavailable' };
  expect(await entryIn(at, 'legacy', ids[1] ?? '')).toMatchObject(failed);
  expect(await retry({ ids })).toMatchObject({ completed: 1, failed: 0 });
});

test.each([['waits'], ['is gone']])(
  'a parked write that a newer one has overtaken in both stores completes by itself, where its workflow %s',
  async (workflow) => {
    const { value, operationId } = await parked();
    const newer = { ...value, owner: 'newer', balance: '7.00' };
    const { version } = await at.lockstep.repository(account).replace(newer, { ack: 'both' });
    if (workflow === 'is gone') await workflowOf(operationId).terminate('lost');
    expect(await retry({ ids: [operationId] })).toMatchObject({ completed: 1, failed: 0 });
    expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'completed' });
    if (workflow === 'waits')
      await until('its workflow is over', async () => (await stageOf(operationId)) === 'done');
    expect(await versionsOf(at, account, value.id)).toEqual([version, version]);
    for (const row of await rowsOf(at, 'accounts', value.id)) expect(row).toMatchObject({ owner: 'newer' });
  },
);

test('a parked write whose newer one is parked too waits for a person, and costs no try', async () => {
  const { value, operationId } = await parked();
  const newer = { ...value, owner: 'newer' };
  const { operationId: later } = await at.lockstep.repository(account).replace(newer);
  await until('the newer one is parked', async () => (await stageOf(later)) === 'parked');
  const before = await entryIn(at, 'legacy', operationId);
  expect(await retry({ ids: [operationId, later] })).toMatchObject({ completed: 0, notified: 0 });
  expect(await entryIn(at, 'legacy', operationId)).toEqual(before);
  for (const id of [later, operationId]) await at.lockstep.control.resolve(id, 'discard');
});

test('an overtaken write that could not be undone waits for a person still', async () => {
  const { value, operationId } = await parked();
  await at.stores.legacy.park(operationId, {
    failure: 'CompensationFailed',
    reason: 'its compensation failed',
    undoing: true,
  });
  await at.lockstep.repository(account).replace({ ...value, balance: '7.00' }, { ack: 'both' });
  expect(await retry({ ids: [operationId] })).toMatchObject({ completed: 0, notified: 0 });
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'parked' });
  await at.lockstep.control.resolve(operationId, 'discard');
});

test('a workflow whose try is refused anew before its entry is completed ends all the same', async () => {
  const { value, operationId } = await parked();
  const accounts = at.lockstep.repository(account);
  await accounts.replace({ ...value, balance: '7.00' }, { ack: 'both' });
  using completing = at.gates.close('legacy', 'setOperationStatus');
  // The first look finds that both stores have the newer write; before the second one there is another.
  using reading = at.gates.close('legacy', 'read', { after: 1 });
  const retrying = retry({ ids: [operationId] });
  await reading.waiting();
  const writing = accounts.replace({ ...value, balance: refusedByModern });
  await until('legacy has it', async () => {
    const row = await rowIn(at, 'legacy', 'accounts', value.id);
    return row?.balance === refusedByModern;
  });
  reading.open();
  await until('its try is refused', async () => (await stageOf(operationId)) === 'parked');
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'parked' });
  completing.open();
  expect(await retrying).toMatchObject({ completed: 1, notified: 1 });
  await workflowOf(operationId).result();
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'completed' });
  const { operationId: newest } = await writing;
  await until('the newest one is parked', async () => (await stageOf(newest)) === 'parked');
  await at.lockstep.control.resolve(newest, 'discard');
});

test('a workflow that waits is notified before the journal completes its entry', async () => {
  const { operationId } = await parked();
  await lifted(async () => {
    const open = Promise.withResolvers<void>();
    at.faults.legacy.setOperationStatus = async (completed, status, reason) => {
      if (completed.includes(operationId)) await open.promise;
      await at.stores.legacy.setOperationStatus(completed, status, reason);
    };
    const retrying = retry({ parked: true, ids: [operationId] });
    await until('it is told', async () => (await stageOf(operationId)) !== 'parked');
    expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'parked' });
    open.resolve();
    expect(await retrying).toMatchObject({ completed: 1, notified: 1 });
    delete at.faults.legacy.setOperationStatus;
  });
  expect(await workflowOf(operationId).result()).toMatchObject({ operationId });
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'completed' });
});

test('the tries of a store that is unavailable are counted, with the failure of the last', async () => {
  await at.proxies.modern.cut();
  const { operationId } = await at.lockstep.repository(account).create(newAccount());
  await until('several tries are noted', async () => {
    const entry = await entryIn(at, 'legacy', operationId);
    return entry && entry.attempts >= 2 && entry.failure === 'StoreUnavailable';
  });
  await at.proxies.modern.restore();
  await drained(at);
  const entry = await entryIn(at, 'legacy', operationId);
  expect(entry).toMatchObject({ status: 'completed', failure: 'StoreUnavailable' });
  expect(entry?.attempts).toBeGreaterThanOrEqual(3);
});

test('a write that is taken at once has one try and no failure', async () => {
  const { operationId } = await at.lockstep.repository(account).create(newAccount(), { ack: 'both' });
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({
    attempts: 1,
    failure: null,
    reason: null,
  });
});

test('a parked write is tried only when told, and stays parked with its failure when it is refused again', async () => {
  const { operationId } = await parked();
  const first = await entryIn(at, 'legacy', operationId);
  expect(first).toMatchObject({ status: 'parked', attempts: 1, failure: 'StoreRefused' });
  expect(await retry()).toMatchObject({ completed: 0, failed: 0 });
  expect(await retry({ parked: true })).toMatchObject({ completed: 0, failed: 1, notified: 0 });
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'parked', attempts: 2 });
  expect(await stageOf(operationId)).toBe('parked');
  await at.lockstep.control.resolve(operationId, 'discard');
});

test('a parked write that is completed lets the workflow that waits for a person end', async () => {
  const [waiting, gone] = [await parked(), await parked()];
  await workflowOf(gone.operationId).terminate('lost');
  await lifted(async () => {
    expect(await retry({ parked: true })).toMatchObject({ completed: 2, failed: 0, notified: 1 });
  });
  expect(await workflowOf(waiting.operationId).result()).toMatchObject({ operationId: waiting.operationId });
  for (const { value, operationId } of [waiting, gone]) {
    expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'completed' });
    expect(await rowIn(at, 'modern', 'accounts', value.id)).toMatchObject({ balance: refusedByModern });
  }
});

test('a write that is completed while a person has it tried again does not wait for another decision', async () => {
  const { operationId } = await parked();
  const held = Promise.withResolvers<void>();
  at.faults.modern.write = async (...call) => {
    const outcomes = await at.stores.modern.write(...call);
    await held.promise;
    return outcomes;
  };
  await at.lockstep.control.resolve(operationId, 'retry');
  await until('it is tried', async () => (await stageOf(operationId)) === 'secondary');
  // As a retry of the journal would, while the try above is on its way to being refused.
  await at.stores.legacy.setOperationStatus([operationId], 'completed');
  delete at.faults.modern.write;
  held.resolve();
  expect(await workflowOf(operationId).result()).toMatchObject({ operationId });
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'completed' });
});

test('what both stores have by now is not compensated to what one of them had before', async () => {
  const accounts = at.lockstep.repository(account);
  const value = newAccount();
  await accounts.create(value, { ack: 'both' });
  // A replace keeps no image from before in the journal.
  const { operationId, version } = await accounts.replace({ ...value, balance: refusedByModern });
  await until('the write is parked', async () => (await stageOf(operationId)) === 'parked');
  await lifted(async () => {
    const state = await at.stores.legacy.readState(at.migration.name);
    const route = { epoch: state?.epoch ?? 0, primary: 'legacy', secondary: 'modern' } as const;
    await convergeKeys(at, account, [[String(value.id)]], route);
    await at.lockstep.control.resolve(operationId, 'compensate');
    await workflowOf(operationId).result();
  });
  expect(await versionsOf(at, account, value.id)).toEqual([version, version]);
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'completed' });
});

test('batches follow each other until all are completed, refused ones in between', async () => {
  const values = Array.from({ length: 230 }, (_, index) =>
    newAccount(index % 40 === 7 ? { balance: refusedByModern } : {}),
  );
  const all = await pendingOnly(values);
  const ids = all.filter((_, index) => values[index]?.balance === refusedByModern);
  const refused = ids.length;
  expect(await retry()).toMatchObject({ completed: values.length - refused, failed: refused });
  const parked: LocatedEntry[] = await at.lockstep.journal.list({ statuses: ['parked'], limit: 100 });
  const open = parked.filter(({ id }) => ids.includes(id));
  expect(open.map(({ failure, attempts }) => [failure, attempts])).toEqual(
    Array.from({ length: refused }, () => ['StoreRefused', 1]),
  );
  await lifted(async () => {
    expect(await retry({ parked: true, ids })).toMatchObject({ completed: refused, failed: 0 });
  });
  expect(await at.lockstep.control.backlog()).toMatchObject({ pending: 0 });
});

test('retries beside live writers lose nothing and complete nothing twice', async () => {
  const writers = write(at.lockstep.repository(account));
  await until('the writers are at work', async () => writers.acknowledged() > 10);
  for (let turn = 0; turn < 5; turn++) await retry({ parked: true });
  const promised = await writers.stop();
  expect(promised.failures).toEqual([]);
  await drained(at);
  const ids = new Set([...promised.accounts.keys()].map(String));
  for (const store of ['legacy', 'modern'] as const) {
    const rows = (await tableOf(at, store, 'accounts')).filter(({ id }) => ids.has(String(id)));
    expect(rows).toEqual(expectedRows(promised));
  }
});

test('schedules retry what is pending, and prune what is old', async () => {
  await using scheduled = await runningMigration('dual-write', {
    journal: { retryEveryMs: 1_000, retryAfterMs: 0, pruneEveryMs: 1_000 },
  });
  try {
    const { name } = scheduled.migration;
    const { operationId: old } = await scheduled.lockstep
      .repository(account)
      .create(newAccount(), { ack: 'both' });
    await scheduled.sql.legacy(
      `UPDATE lockstep_operations SET created_at = '2020-01-01', updated_at = '2020-01-01' WHERE id = '${old}'`,
    );
    await scheduled.proxies.modern.cut();
    const { operationId } = await scheduled.lockstep.repository(account).create(newAccount());
    await scheduled.temporal.workflow.getHandle(writeWorkflowId(name, operationId)).terminate('lost');
    await scheduled.proxies.modern.restore();
    await until('it is completed', async () => {
      return (await entryIn(scheduled, 'legacy', operationId))?.status === 'completed';
    });
    await until('the old entry is pruned', async () => (await entryIn(scheduled, 'legacy', old)) === null);
    // However many rounds that took, none has ended. Before the migration has a route, a run fails.
    const ended = `LockstepMigration = '${name}' AND WorkflowType = 'retryFailedOperations' AND ExecutionStatus = 'Completed'`;
    expect((await scheduled.temporal.workflow.count(ended)).count).toBe(0);
    expect(await entryIn(scheduled, 'legacy', operationId)).not.toBeNull();

    const policy = { ...scheduled.migration.policy, journalRetryEveryMs: 7_200_000, journalPruneEveryMs: 0 };
    await scheduleJournal(scheduled.temporal, { ...scheduled.migration, policy });
    const { spec } = await scheduled.temporal.schedule.getHandle(`journal-retry/${name}`).describe();
    expect(spec.intervals).toMatchObject([{ every: 7_200_000 }]);
    const pruning = scheduled.temporal.schedule.getHandle(`journal-prune/${name}`);
    await expect(pruning.describe()).rejects.toBeInstanceOf(ScheduleNotFoundError);
  } finally {
    await removeSchedules(scheduled.temporal, scheduled.migration.name);
  }
});
