import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { connect, type Lockstep } from '../../client/service/connect.ts';
import { currentState } from '../../databases/contract/current-state.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { HybridClock } from '../../model/version.ts';
import { account, flagged, newAccount, refusedByModern, twin } from '../support/accounts.ts';
import type { Connected } from '../support/connect-both.ts';
import { advanceTo, connectAndStart, type Fixture, fixture } from '../support/harness.ts';
import { drained, entryIn, rowIn, rowsOf, tableOf } from '../support/inspect.ts';
import { environmentOf } from '../support/process.ts';
import { until } from '../support/until.ts';

let at: Fixture;
let operator: Connected;
/** Of a service whose process has the only worker. */
let service: Lockstep;
beforeAll(async () => {
  at = await fixture();
  service = await connect(at.migration, { environment: at.environment, worker: 'embedded' });
  operator = await connectAndStart(at);
  await advanceTo(operator, 'dual-write');
});
afterAll(async () => {
  await at?.[Symbol.asyncDispose]();
  await service?.close();
});
afterEach(() => drained(at));

async function workflows(state: 'Running' | 'Completed'): Promise<number> {
  const { count } = await at.temporal.workflow.count(
    `LockstepMigration = '${at.migration.name}' AND ExecutionStatus = '${state}' AND WorkflowType IN ('write', 'writeGroup')`,
  );
  return count;
}

async function compensate(operationId: string): Promise<void> {
  // A workflow whose task was lost on a busy machine has yet to learn that it is parked.
  await until('it takes the decision', () =>
    operator.control.resolve(operationId, 'compensate').then(
      () => true,
      (error: unknown) => {
        if (!isLockstepError(error, 'NotParked')) throw error;
        return false;
      },
    ),
  );
  await until(
    'it is undone',
    async () => (await entryIn(at, 'legacy', operationId))?.status === 'compensated',
  );
}

/** Callers may be answered before their workflow is started, which may be that of others too. */
async function followed(write: () => Promise<void>): Promise<void> {
  const before = await workflows('Completed');
  await write();
  await until('their workflow is over', async () => (await workflows('Completed')) > before);
}

test('every pattern: what is answered with `both` is in both stores, and its workflow completes', async () => {
  for (const entity of [account, flagged, twin]) {
    const value = newAccount();
    await followed(async () => {
      const { operationId } = await service.repository(entity).create(value, { ack: 'both' });
      const table = { account: 'accounts', flagged: 'flagged', twin: 'twins' }[entity.name] ?? '';
      const [legacy, modern] = await rowsOf(at, table, value.id);
      expect(legacy).toMatchObject({ owner: value.owner });
      expect(modern).toEqual(legacy);
      await until(
        'the journal says so',
        async () => (await entryIn(at, 'legacy', operationId))?.status === 'completed',
      );
    });
  }
});

test('`primary` is answered by the primary, and replicated by the process itself', async () => {
  const value = newAccount();
  const { operationId, version } = await service.repository(account).create(value, { ack: 'primary' });
  expect(version).toBe((await entryIn(at, 'legacy', operationId))?.version);
  await until('modern has it', () => rowIn(at, 'modern', 'accounts', value.id));
  await until(
    'it is settled',
    async () => (await entryIn(at, 'legacy', operationId))?.status === 'completed',
  );
});

test('`recorded` is answered when the workflow is started', async () => {
  const value = newAccount();
  const receipt = await service.repository(account).create(value, { ack: 'recorded' });
  expect(receipt.version).toBeNull();
  await until('modern has it', () => rowIn(at, 'modern', 'accounts', value.id));
});

test('`both` is not answered while the other store does not have it, alone or among others', async () => {
  const values = Array.from({ length: 3 }, () => newAccount());
  const other = await at.another('modern');
  await other.rows('BEGIN');
  for (const { id } of values) await other.rows(`INSERT INTO accounts VALUES (${id}, 'held', NULL, 1)`);
  const [alone, ...together] = values;
  let answered = 0;
  const write = async (value: (typeof values)[number] | undefined) => {
    if (value) await service.repository(account).create(value, { ack: 'both', timeoutMs: 60_000 });
    answered += 1;
  };
  const first = write(alone);
  await until('legacy has one', () => rowIn(at, 'legacy', 'accounts', alone?.id ?? 0));
  const rest = together.map(write);
  for (const { id } of together) await until('legacy has it', () => rowIn(at, 'legacy', 'accounts', id));
  const early = answered;
  await other.rows('ROLLBACK');
  await Promise.all([first, ...rest]);
  expect(early).toBe(0);
  for (const { id, owner } of values)
    expect(await rowIn(at, 'modern', 'accounts', id)).toMatchObject({ owner });
});

test('a write sent again, at once or later, has the outcome of the first', async () => {
  const value = newAccount();
  const operationId = randomUUID();
  const accounts = service.repository(account);
  const create = () => accounts.create(value, { operationId, ack: 'both' });
  let versions: (string | null)[] = [];
  await followed(async () => {
    versions = [(await create()).version, (await create()).version];
  });
  versions.push((await create()).version);
  expect(versions).toEqual([versions[0], versions[0], versions[0]]);
});

test('a refusal of the primary is told, and told again', async () => {
  const value = newAccount();
  const accounts = service.repository(account);
  await accounts.create(value, { ack: 'both' });
  const operationId = randomUUID();
  for (let round = 0; round < 2; round++) {
    await expect(accounts.create(value, { operationId })).rejects.toMatchObject({
      code: 'AlreadyExists',
      details: { operationId, entity: 'account', store: 'legacy' },
    });
  }
});

test('writes of the same moment share a workflow; each has its own outcome', async () => {
  const accounts = service.repository(account);
  const taken = newAccount();
  await accounts.create(taken, { ack: 'both' });
  const values = Array.from({ length: 60 }, () => newAccount());
  const outcomes = await Promise.allSettled(
    [...values, taken].map((value) => accounts.create(value, { ack: 'both' })),
  );
  expect(outcomes.filter(({ status }) => status === 'rejected')).toMatchObject([
    { reason: { code: 'AlreadyExists' } },
  ]);
  for (const value of values) {
    const [legacy, modern] = await rowsOf(at, 'accounts', value.id);
    expect(legacy).toMatchObject({ owner: value.owner });
    expect(modern).toEqual(legacy);
  }
  const found = at.temporal.workflow.list({
    query: `WorkflowType = 'writeGroup' AND TaskQueue = '${at.migration.taskQueue}'`,
  });
  await until('a group is listed', async () => {
    for await (const _ of found) return true;
    return false;
  });
});

test('a write that the secondary refuses is parked by its workflow, and its neighbours are done', async () => {
  const accounts = service.repository(account);
  const bad = newAccount({ balance: refusedByModern });
  const good = Array.from({ length: 5 }, () => newAccount());
  const writing = [bad, ...good].map((value) => accounts.create(value, { ack: 'primary' }));
  const [{ operationId } = { operationId: '' }] = await Promise.all(writing);
  await until('it is parked', async () => (await entryIn(at, 'legacy', operationId))?.status === 'parked');
  for (const value of good)
    await until('modern has the others', () => rowIn(at, 'modern', 'accounts', value.id));
  await compensate(operationId);
});

test('`both` is not said of what the other store refuses, alone or among others', async () => {
  const accounts = service.repository(account);
  const create = (given: Parameters<typeof newAccount>[0] = {}) => {
    const operationId = randomUUID();
    const answer = accounts
      .create(newAccount(given), { operationId, ack: 'both' })
      .catch((error: unknown) => error);
    return { operationId, answer };
  };
  const bad = { balance: refusedByModern };
  const parked = { code: 'Parked', details: { entity: 'account' } };
  const alone = create(bad);
  expect(await alone.answer).toMatchObject(parked);
  const [among, ...good] = [create(bad), create(), create()];
  for (const { operationId, answer } of good) expect(await answer).toMatchObject({ operationId });
  expect(await among.answer).toMatchObject(parked);
  for (const { operationId } of [alone, among]) await compensate(operationId);
});

test('a write of an older route is decided under the newer one, alone or among others', async () => {
  const accounts = service.repository(account);
  const { stores } = at;
  const create = () => accounts.create(newAccount(), { ack: 'both' });
  for (const count of [1, 5]) {
    await create();
    const state = await currentState(at);
    const next = { ...state, epoch: state.epoch + 1, changeNumber: state.changeNumber + 1 };
    for (const store of [stores.legacy, stores.modern]) await store.writeState(next);
    const receipts = await Promise.all(Array.from({ length: count }, create));
    for (const { operationId } of receipts)
      expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'completed' });
  }
});

test('a write sent again while its workflow runs is not started again, and has the outcome of the first', async () => {
  const value = newAccount();
  const accounts = service.repository(account);
  const other = await at.another('modern');
  await other.rows('BEGIN');
  await other.rows(`INSERT INTO accounts VALUES (${value.id}, 'held', NULL, 1)`);
  const operationId = randomUUID();
  const first = await accounts.create(value, { operationId, ack: 'primary' });
  const again = await accounts.create(value, { operationId, ack: 'primary' });
  expect(again.version).toBe(first.version);
  await other.rows('ROLLBACK');
  await drained(at);
  expect(await rowIn(at, 'modern', 'accounts', value.id)).toMatchObject({ owner: value.owner });
});

test('a primary that was set back takes no write of the process, until it is as far again', async () => {
  const { name } = at.migration;
  const ahead = new HybridClock(() => Date.now() + 3_600_000).next();
  const accounts = service.repository(account);
  await at.stores.modern.noteMark(name, ahead);
  try {
    // Its worker looks every few seconds.
    const kept = await until('a write is kept out', async () => {
      const value = newAccount();
      const error = await accounts.create(value, { timeoutMs: 2_000 }).then(() => null, String);
      return error !== null && !(await rowIn(at, 'legacy', 'accounts', value.id)) ? value : false;
    });
    await at.stores.legacy.raiseMark(name, { to: ahead, atLeast: '0' });
    await until('its workflow writes it', () => rowIn(at, 'legacy', 'accounts', kept.id));
  } finally {
    await at.stores.legacy.raiseMark(name, { to: ahead, atLeast: '0' });
  }
});

test('close answers the writes in flight, and takes no more', async () => {
  const closing = await connect(at.migration, { environment: at.environment, worker: 'embedded' });
  const accounts = closing.repository(account);
  const values = Array.from({ length: 40 }, () => newAccount());
  const writing = Promise.all(values.map((value) => accounts.create(value, { ack: 'both' })));
  // So that they are on their way, where the route was read first.
  await until('one is there', () => rowIn(at, 'legacy', 'accounts', values[0]?.id ?? 0));
  await closing.close();
  await writing;
  // Where what is known of the route is too old, the closed stores are asked first.
  const refused = /^(InvalidInput|StoreUnavailable)$/;
  await expect(accounts.create(newAccount())).rejects.toMatchObject({ code: expect.stringMatching(refused) });
  const ids = values.map(({ id }) => String(id));
  for (const store of ['legacy', 'modern'] as const) {
    const found = new Set((await tableOf(at, store, 'accounts')).map(({ id }) => String(id)));
    expect(ids.filter((id) => !found.has(id))).toEqual([]);
  }
});

test('what a killed service was promised is in both stores, once another worker has drained it', async () => {
  const program = fileURLToPath(new URL('../support/embedded-service.ts', import.meta.url));
  const child = spawn(process.execPath, [program], {
    env: environmentOf(at),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const promised: { id: number; operationId: string }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => promised.push(JSON.parse(line)));
  await until('it has written', async () => promised.length >= 20);
  child.kill('SIGKILL');
  await once(child, 'close');
  const ours = async (store: 'legacy' | 'modern') =>
    (await tableOf(at, store, 'accounts')).filter(({ id }) => Number(id) > 2_000_000);
  // Of some the workflow was not started yet: these are the journal's, which a schedule retries. Of others it was, and it decides
  // its writes when another worker has it, a few seconds later.
  const legacy = await until('both stores have the same', async () => {
    if ((await workflows('Running')) > 0) return false;
    await operator.journal.retry({ parked: false, olderThanMs: 0, ids: null });
    const rows = await ours('legacy');
    const { pending } = await at.stores.legacy.journalBacklog(at.migration.name);
    return pending === 0 && isDeepStrictEqual(await ours('modern'), rows) ? rows : false;
  });
  const found = new Set(legacy.map(({ id }) => Number(id)));
  expect(promised.filter(({ id }) => !found.has(id))).toEqual([]);
  expect(legacy.every(({ id, owner }) => owner === `owner ${id}`)).toBe(true);
});
