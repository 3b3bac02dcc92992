import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { LockstepError } from '../../model/failure.ts';
import { owedTaskQueue } from '../../model/task-queues.ts';
import { groupStatus } from '../../workflows/messages.ts';
import { account, flagged, newAccount, refusedByLegacy, refusedByModern } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, entryIn, rowsOf, tableOf } from '../support/inspect.ts';
import { codesOf } from '../support/outcomes.ts';
import { until } from '../support/until.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
});
afterAll(() => at?.[Symbol.asyncDispose]());

let startedAt = new Date();
beforeEach(() => {
  startedAt = new Date();
});

const accounts = () => at.lockstep.repository(account);
const several = (count: number) => Array.from({ length: count }, () => newAccount());

/** The groups that began with this test, as soon as so many are listed and over. */
async function groups(count: number) {
  const query = `LockstepMigration = '${at.migration.name}' AND WorkflowType = 'writeGroup' AND StartTime >= '${startedAt.toISOString()}'`;
  return await until(`${count} groups are listed`, async () => {
    const found = [];
    for await (const listed of at.temporal.workflow.list({ query })) found.push(listed);
    return found.length >= count && found.every(({ status }) => status.name === 'COMPLETED') && found;
  });
}

/** The task queues of the activities that a workflow has sent away. */
async function activityQueues(workflowId: string) {
  const { events } = await at.temporal.workflow.getHandle(workflowId).fetchHistory();
  const scheduled = (events ?? []).map(
    (event) => event.activityTaskScheduledEventAttributes?.taskQueue?.name,
  );
  return [...new Set(scheduled.filter((name) => name !== undefined))];
}

const statusOf = (operationId: string) => at.lockstep.control.writeStatus(operationId);
const hasOwnWorkflow = (operationId: string) =>
  statusOf(operationId).then(
    () => true,
    () => false,
  );

test('writes that wait together share a workflow, whose counts are in Temporal', async () => {
  const values = several(20);
  const receipts = await Promise.all(values.map((value) => accounts().create(value, { ack: 'both' })));
  const [group] = await groups(1);
  expect(await at.temporal.workflow.getHandle(group?.workflowId ?? '').query(groupStatus)).toEqual({
    done: 20,
    owed: 0,
    refused: 0,
    apart: 0,
    open: 0,
  });
  for (const [index, { operationId, version }] of receipts.entries()) {
    expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'completed', version });
    const rows = await rowsOf(at, 'accounts', values[index]?.id ?? 0);
    expect(rows.map((row) => row?.owner)).toEqual([values[index]?.owner, values[index]?.owner]);
  }
  expect(await hasOwnWorkflow(receipts[0]?.operationId ?? '')).toBe(false);
});

test('a write that comes alone has a workflow of its own', async () => {
  const { operationId } = await accounts().create(newAccount());
  expect(await hasOwnWorkflow(operationId)).toBe(true);
});

test('a refused write fails none of its neighbours', async () => {
  const taken = newAccount({ email: `taken ${Date.now()}` });
  await accounts().create(taken);
  const values = several(4);
  const sent = await Promise.allSettled([
    accounts().create({ ...taken }),
    accounts().create(values[0] ?? taken),
    accounts().create(newAccount({ email: taken.email })),
    accounts().create(values[1] ?? taken),
    accounts().create(newAccount({ balance: refusedByLegacy })),
    accounts().update(values[2]?.id ?? 0, { owner: 'nobody' }),
    accounts().create(values[3] ?? taken),
  ]);
  expect(codesOf(sent)).toEqual([
    'AlreadyExists',
    'done',
    'StoreRefused',
    'done',
    'StoreRefused',
    'NotFound',
    'done',
  ]);
  await drained(at);
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(await tableOf(at, 'legacy', 'accounts'));
});

test('writes of one record that are sent without waiting keep their order', async () => {
  const value = newAccount();
  const again = (owner: string) => accounts().update(value.id, { owner });
  const created = await accounts().create(value);
  const sent = await Promise.all([
    again('first'),
    accounts().create(newAccount()),
    again('second'),
    again('third'),
    again('fourth'),
  ]);
  const own = sent.filter((_, index) => index !== 1);
  const versions = [created, ...own].map(({ version }) => BigInt(version));
  expect(versions).toEqual(versions.toSorted((left, right) => (left < right ? -1 : 1)));
  await drained(at);
  for (const row of await rowsOf(at, 'accounts', value.id))
    expect(row).toMatchObject({ owner: 'fourth', balance: value.balance });
});

test('one that the secondary refuses is parked with a workflow of its own, and can be decided', async () => {
  const values = several(6).map((value, index) =>
    index === 3 ? { ...value, balance: refusedByModern } : value,
  );
  const receipts = await Promise.all(values.map((value) => accounts().create(value)));
  const parked = receipts[3]?.operationId ?? '';
  await until(
    'the write is parked',
    async () => (await statusOf(parked).catch(() => null))?.stage === 'parked',
  );
  expect(await entryIn(at, 'legacy', parked)).toMatchObject({ status: 'parked' });
  const [group] = await groups(1);
  expect(await at.temporal.workflow.getHandle(group?.workflowId ?? '').query(groupStatus)).toMatchObject({
    done: 5,
    apart: 1,
  });
  await at.lockstep.control.resolve(parked, 'compensate');
  await until('it is undone', async () => (await entryIn(at, 'legacy', parked))?.status === 'compensated');
  expect(await rowsOf(at, 'accounts', values[3]?.id ?? 0)).toEqual([null, null]);
});

test('who waits for both is told that the write is parked, and its neighbours are not', async () => {
  const values = several(3).map((value, index) =>
    index === 1 ? { ...value, balance: refusedByModern } : value,
  );
  const idOf = (index: number) => `both-${at.migration.name}-${values[index]?.id}`;
  const sent = await Promise.allSettled(
    values.map((value, index) => accounts().create(value, { ack: 'both', operationId: idOf(index) })),
  );
  expect(codesOf(sent)).toEqual(['done', 'Parked', 'done']);
  await at.lockstep.control.resolve(idOf(1), 'compensate');
  await until('it is undone', async () => (await entryIn(at, 'legacy', idOf(1)))?.status === 'compensated');
});

test('an operation that is sent again gives what it gave, alone or in a group', async () => {
  const values = several(3);
  const ids = values.map(({ id }) => `again-${at.migration.name}-${id}`);
  const send = (index: number) =>
    accounts().create(values[index] ?? newAccount(), { operationId: ids[index] ?? '' });
  const first = await Promise.all([send(0), send(1)]);
  expect(await send(0)).toEqual(first[0]);
  const alone = await send(2);
  expect(await Promise.all([send(2), send(1), send(2)])).toEqual([alone, first[1], alone]);
  expect((await rowsOf(at, 'accounts', values[2]?.id ?? 0)).map((row) => row?.owner)).toEqual([
    values[2]?.owner,
    values[2]?.owner,
  ]);
});

test('a flag keeps single writes of a group out of the secondary', async () => {
  await at.lockstep.control.setWritePercent(50);
  const repository = (await at.connect()).repository(flagged);
  const values = several(30);
  await Promise.all(values.map((value) => repository.create(value)));
  await drained(at);
  const found = await Promise.all(values.map(({ id }) => rowsOf(at, 'flagged', id)));
  expect(found.every(([legacy]) => legacy !== null)).toBe(true);
  const both = found.filter(([, modern]) => modern !== null).length;
  expect(both).toBeGreaterThan(0);
  expect(both).toBeLessThan(30);
});

test('what the secondary is owed is caught up by the group', async () => {
  await at.proxies.modern.cut();
  const values = several(12);
  const receipts = await Promise.all(values.map((value) => accounts().create(value)));
  await Promise.all(several(12).map((value) => accounts().create(value)));
  expect((await at.stores.legacy.journalBacklog(at.migration.name)).pending).toBeGreaterThanOrEqual(24);
  await at.proxies.modern.restore();
  await drained(at);
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(await tableOf(at, 'legacy', 'accounts'));
  expect(await hasOwnWorkflow(receipts[4]?.operationId ?? '')).toBe(false);
  const [group] = await groups(1);
  expect(await activityQueues(group?.workflowId ?? '')).toEqual([owedTaskQueue(at.migration.taskQueue)]);
});

test.each(['legacy', 'modern'] as const)(
  'a row that somebody holds in %s keeps none of its neighbours waiting',
  async (store) => {
    const values = several(8);
    const held = values[2] ?? newAccount();
    await Promise.all(values.map((value) => accounts().create(value, { ack: 'both' })));
    const other = await at.another(store);
    await other.rows('BEGIN');
    await other.rows(`SELECT * FROM accounts WHERE id = ${held.id} FOR UPDATE`);
    const sent = values.map((value) => accounts().replace({ ...value, owner: 'changed' }, { ack: 'both' }));
    await Promise.all(sent.filter((_, index) => index !== 2));
    await other.rows('COMMIT');
    await Promise.all(sent);
    for (const { id } of values)
      expect((await rowsOf(at, 'accounts', id)).map((row) => row?.owner)).toEqual(['changed', 'changed']);
  },
);

test('a primary that is away for a moment takes all of a group in the end', async () => {
  let calls = 0;
  at.faults.legacy.write = async (...call) => {
    calls += 1;
    if (calls <= 2) throw new LockstepError('StoreUnavailable', 'away for a moment', { store: 'legacy' });
    return await at.stores.legacy.write(...call);
  };
  using _ = { [Symbol.dispose]: () => Reflect.deleteProperty(at.faults.legacy, 'write') };
  const values = several(6);
  const sent = Promise.all(values.map((value) => accounts().create(value)));
  const receipts = await sent;
  expect(await hasOwnWorkflow(receipts[0]?.operationId ?? '')).toBe(true);
  await drained(at);
  for (const { id, owner } of values)
    expect((await rowsOf(at, 'accounts', id)).map((row) => row?.owner)).toEqual([owner, owner]);
});
