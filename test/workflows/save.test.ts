import { WithStartWorkflowOperation } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { failureIn } from '../../model/carried-failure.ts';
import type { StoreName } from '../../model/failure.ts';
import type { SaveAnswer, SaveManyRequest, SaveReceipt, SaveRequest } from '../../model/save.ts';
import { saveAcknowledged, writeGroupWorkflowId, writeWorkflowId } from '../../workflows/messages.ts';
import {
  type Account,
  account,
  bound,
  createAccounts,
  newAccount,
  refusedByLegacy,
  refusedByModern,
} from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { tableOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';

/** What a program in another language sends: plain JSON, to the workflows `save` and `saveMany`. */

let at: RunningMigration;
beforeAll(async () => {
  const tablesOf = (store: StoreName) => ['accounts', 'bound'].map((name) => createAccounts(name, store));
  at = await runningMigration('dual-write', {
    entities: [account, bound],
    tables: { legacy: tablesOf('legacy'), modern: tablesOf('modern') },
  });
});
afterAll(() => at?.[Symbol.asyncDispose]());

let sent = 0;
const nextId = () => `save-${++sent}`;

type Given = Omit<SaveRequest, 'operationId'> & { readonly operationId?: string };

function start(given: Given) {
  const operationId = given.operationId ?? nextId();
  return {
    workflowId: writeWorkflowId(at.migration.name, operationId),
    taskQueue: at.migration.taskQueue,
    args: [{ ...given, operationId }],
  };
}

const save = (given: Given): Promise<SaveReceipt> => at.temporal.workflow.execute('save', start(given));

/** As a program sends it that does not wait for both stores. */
function acknowledgedBy(given: Given & { readonly operationId: string }): Promise<SaveReceipt> {
  const startWorkflowOperation = new WithStartWorkflowOperation('save', {
    ...start(given),
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
  return at.temporal.workflow.executeUpdateWithStart(saveAcknowledged, {
    args: [given],
    startWorkflowOperation,
  });
}

const saveMany = (items: SaveManyRequest['items'], id = nextId()): Promise<readonly SaveAnswer[]> =>
  at.temporal.workflow.execute('saveMany', {
    workflowId: writeGroupWorkflowId(at.migration.name, id),
    taskQueue: at.migration.taskQueue,
    args: [{ items, ack: 'both' } satisfies SaveManyRequest],
  });

async function refusal(saving: Promise<unknown>) {
  const error = await saving.then(
    () => null,
    (reason: unknown) => reason,
  );
  return failureIn(error);
}

const rowsOf = async (store: 'legacy' | 'modern', id: number) =>
  (await tableOf(at, store, 'accounts')).filter((row) => Number(row.id) === id);

test('a create, an update and a delete land in both stores, each with a token', async () => {
  const accounts = at.lockstep.repository(account);
  const value = newAccount({ owner: 'ada' });
  const created = await save({ entity: 'account', kind: 'create', value });
  expect(created).toMatchObject({ version: expect.any(String), token: expect.stringMatching(/^v1\./) });
  expect((await accounts.get(value.id))?.value).toEqual(value);
  expect(await rowsOf('modern', value.id)).toEqual(await rowsOf('legacy', value.id));

  const patch = { owner: 'grace' };
  await save({ entity: 'account', kind: 'update', key: value.id, patch });
  expect((await accounts.get(value.id))?.value).toEqual({ ...value, ...patch });

  const stale = { entity: 'account', kind: 'delete', key: { id: value.id } } as const;
  expect(await refusal(save({ ...stale, ifUnchangedSince: created.token ?? '' }))).toMatchObject({
    code: 'VersionConflict',
  });
  await save(stale);
  expect([await rowsOf('legacy', value.id), await rowsOf('modern', value.id)]).toEqual([[], []]);
});

test('whoever does not wait for both stores asks for the acknowledgement', async () => {
  const value = newAccount();
  const given = { entity: 'account', kind: 'create', value, ack: 'primary', operationId: nextId() } as const;
  const told = await acknowledgedBy(given);
  expect(told).toMatchObject({ version: expect.any(String), token: expect.any(String) });
  const workflowId = writeWorkflowId(at.migration.name, given.operationId);
  expect(await at.temporal.workflow.getHandle(workflowId).result()).toEqual(told);
});

test('a save is sent again under its id, and is told the same', async () => {
  const value = newAccount();
  const given = { entity: 'account', kind: 'create', value, operationId: nextId() } as const;
  const first = await save(given);
  expect(await save(given)).toEqual(first);
});

describe('an id that another write has', () => {
  const taken = { code: 'OperationIdTaken' };
  let value: Account;
  let other: Account;
  let operationId: string;
  beforeEach(() => {
    value = newAccount({ balance: refusedByModern });
    other = newAccount();
    operationId = nextId();
  });
  const parked = () =>
    until(
      'it is parked',
      async () => (await at.lockstep.control.writeStatus(operationId).catch(() => null))?.stage === 'parked',
    );
  const notThere = async () => {
    await at.lockstep.control.resolve(operationId, 'compensate');
    expect([await rowsOf('legacy', other.id), await rowsOf('modern', other.id)]).toEqual([[], []]);
  };
  const another = () => ({ entity: 'account', kind: 'create', value: other, operationId }) as const;

  test('is refused while a save of it goes on, and the same save is not', async () => {
    const given = { entity: 'account', kind: 'create', value, operationId } as const;
    const first = await acknowledgedBy(given);
    await parked();
    const accounts = at.lockstep.repository(account);
    for (const ack of ['primary', 'both', 'recorded'] as const) {
      expect(await refusal(acknowledgedBy({ ...another(), ack }))).toMatchObject(taken);
      await expect(accounts.create(other, { operationId, ack })).rejects.toMatchObject(taken);
    }
    expect(await refusal(acknowledgedBy({ ...given, kind: 'replace' }))).toMatchObject(taken);
    const { id, ...content } = value;
    expect(await acknowledgedBy({ ...given, value: { ...content, id } })).toEqual(first);
    expect(await acknowledgedBy(given)).toEqual(first);
    expect(await accounts.create(value, { operationId })).toMatchObject({ version: first.version });
    await notThere();
  });

  test('is refused while a write of a service of ours goes on', async () => {
    await at.lockstep.repository(account).create(value, { operationId });
    await parked();
    expect(await refusal(acknowledgedBy(another()))).toMatchObject(taken);
    expect(await acknowledgedBy({ entity: 'account', kind: 'create', value, operationId })).toMatchObject({
      operationId,
    });
    await notThere();
  });

  test.each(['save', 'saveMany'] as const)('is refused when that is done, by %s', async (way) => {
    await save({ entity: 'account', kind: 'create', value: newAccount(), operationId });
    const [answer] =
      way === 'save' ? [await refusal(acknowledgedBy(another()))] : await saveMany([another()]);
    expect(answer).toMatchObject(taken);
    expect(await rowsOf('legacy', other.id)).toEqual([]);
  });
});

test('a refusal is typed, whether the worker or a store refuses', async () => {
  const value = newAccount();
  await save({ entity: 'account', kind: 'create', value });
  expect(await refusal(save({ entity: 'account', kind: 'create', value }))).toMatchObject({
    code: 'AlreadyExists',
  });
  expect(
    await refusal(
      save({ entity: 'account', kind: 'replace', value: { ...value, balance: refusedByLegacy } }),
    ),
  ).toMatchObject({ code: 'StoreRefused', details: { store: 'legacy' } });
  expect(await refusal(save({ entity: 'nothing', kind: 'create', value }))).toMatchObject({
    code: 'UnknownEntity',
  });
});

const secret = 'what-was-sent-must-not-come-back';
const bad: readonly (readonly [what: string, given: Given, code: string])[] = [
  ['no value', { entity: 'account', kind: 'create' }, 'InvalidRequest'],
  ['a patch in a create', { entity: 'account', kind: 'create', value: {}, patch: {} }, 'InvalidRequest'],
  ['a value that the schema refuses', { entity: 'account', kind: 'create', value: secret }, 'InvalidEntity'],
  [
    'a field that is none',
    { entity: 'account', kind: 'update', key: 1, patch: { [secret]: 1 } },
    'InvalidEntity',
  ],
  ['a key of another type', { entity: 'account', kind: 'delete', key: { id: { secret } } }, 'InvalidKey'],
  ['no token', { entity: 'account', kind: 'delete', key: 1, ifUnchangedSince: secret }, 'InvalidToken'],
];

test.each(bad)('%s is refused once, and the value does not come back', async (_, given, code) => {
  const found = await refusal(save(given));
  expect(found?.code).toBe(code);
  expect(JSON.stringify([found?.message, found?.details])).not.toContain(secret);
});

test.each([account.name, bound.name])('one store only is for flags to say: %s', async (entity) => {
  const given = { entity, kind: 'delete', key: 1, dualWrite: false } as const;
  const refused = { code: 'InvalidRequest', details: { path: 'dualWrite' } };
  expect(await refusal(save(given))).toMatchObject(refused);
});

test('a save under another id than that of its write is refused', async () => {
  const given = start({ entity: 'account', kind: 'create', value: newAccount() });
  const other = at.temporal.workflow.execute('save', { ...given, workflowId: `other/${given.workflowId}` });
  expect(await refusal(other)).toMatchObject({ code: 'InvalidRequest' });
});

test('a save of a transactional entity is a transaction of one', async () => {
  const value = newAccount();
  const told = await save({ entity: 'bound', kind: 'create', value });
  expect(told).toMatchObject({ version: expect.any(String), token: expect.any(String) });
  expect((await at.lockstep.repository(bound).get(value.id))?.value).toEqual(value);
});

test('many saves share one workflow, and each has its own answer', async () => {
  const [first, second] = [newAccount(), newAccount()];
  const create = (value: unknown, entity = 'account') =>
    ({ entity, kind: 'create', value, operationId: nextId() }) as const;
  const items = [
    create(first),
    create({ ...first, owner: 'again' }),
    create({ ...second, owner: '' }),
    create(second),
    create(newAccount(), 'bound'),
  ];
  const answers = await saveMany(items);
  expect(answers.map(({ operationId }) => operationId)).toEqual(items.map(({ operationId }) => operationId));
  expect(answers).toMatchObject([
    { status: 'done', token: expect.any(String) },
    { status: 'failed', code: 'AlreadyExists' },
    { status: 'failed', code: 'InvalidEntity' },
    { status: 'done', token: expect.any(String) },
    { status: 'failed', code: 'InvalidRequest' },
  ]);
  for (const { id } of [first, second])
    expect(await rowsOf('modern', id)).toEqual(await rowsOf('legacy', id));
  expect(await saveMany(items.slice(2, 3))).toMatchObject([{ status: 'failed', code: 'InvalidEntity' }]);
});

test('one that parks goes apart, and its own workflow answers', async () => {
  const value = newAccount({ balance: '1000.00' });
  const item = { entity: 'account', kind: 'create', value, operationId: nextId() } as const;
  const [answer] = await saveMany([item]);
  const workflowId = writeWorkflowId(at.migration.name, item.operationId);
  expect(answer).toEqual({ status: 'apart', operationId: item.operationId, workflowId });
  const handle = at.temporal.workflow.getHandle(workflowId);
  expect(
    await refusal(handle.executeUpdate<SaveReceipt, [SaveRequest]>('acknowledged', { args: [item] })),
  ).toMatchObject({ code: 'Parked' });
  await at.lockstep.control.resolve(item.operationId, 'discard');
});
