import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { LockstepError } from '../../model/failure.ts';
import { account, newAccount, refusedByModern } from '../support/accounts.ts';
import { validate } from '../support/advance.ts';
import { bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, entryIn, rowsOf, tableOf, versionsOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';
import { expectedRows, type Promised, write } from '../support/writers.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('switch-reads', { phases: { drainLimitMs: 10_000 } });
});
beforeEach(async () => {
  await bringTo(at.lockstep, 'switch-reads');
  await control().setReadPercent(100);
  await untilNothingIsParked();
});
afterAll(() => at?.[Symbol.asyncDispose]());

const control = () => at.lockstep.control;

async function untilNothingIsParked(): Promise<void> {
  for (const { id } of await at.lockstep.journal.list({ statuses: ['parked'], limit: 100 }))
    await control().resolve(id, 'compensate');
  await until('nothing is parked', async () => (await control().backlog()).parked === 0);
}

/** Every promise, against both stores, by plain SQL. */
async function expectNothingLost(promised: Promised): Promise<void> {
  await drained(at);
  expect(promised.failures).toEqual([]);
  for (const store of ['legacy', 'modern'] as const) {
    const rows = await tableOf(at, store, 'accounts');
    expect(rows.filter(({ id }) => promised.accounts.has(Number(id)))).toEqual(expectedRows(promised));
  }
}

/** The epochs, from one on, under which a store has decided: what it was told by the other is left out. */
async function decidedUnder(store: 'legacy' | 'modern', from: number): Promise<number[]> {
  const table = store === 'legacy' ? 'lockstep_operations' : 'lockstep.operations';
  const rows = await at.sql[store](
    `SELECT DISTINCT epoch FROM ${table} WHERE status <> 'aborted' AND (copied IS NULL OR copied = 'to') AND epoch >= ${from} ORDER BY epoch`,
  );
  return rows.map(({ epoch }) => Number(epoch));
}

test('there and back again under writers that never pause: nothing is lost, nothing under an old epoch', async () => {
  const first = (await control().status()).epoch;
  const legacyEpochs: number[] = [first];
  const modernEpochs: number[] = [];
  const writers = write(at.lockstep.repository(account));
  for (const turn of ['advance', 'rollback', 'advance', 'rollback'] as const) {
    const before = writers.acknowledged();
    await until('the writers are at work', async () => writers.acknowledged() > before + 8);
    if (turn === 'advance') await validate(control());
    const { epoch, primary } = await control().send(turn);
    (primary === 'legacy' ? legacyEpochs : modernEpochs).push(epoch);
  }
  await expectNothingLost(await writers.stop());
  expect(new Set([...legacyEpochs, ...modernEpochs]).size).toBe(5);
  for (const epoch of await decidedUnder('legacy', first)) expect(modernEpochs).not.toContain(epoch);
  const modern = await decidedUnder('modern', first);
  expect(modern.length).toBeGreaterThan(0);
  for (const epoch of modern) expect(modernEpochs).toContain(epoch);
});

test('both stores are closed before the old primary is drained', async () => {
  const { legacy, modern } = at.stores;
  const open: (boolean | undefined)[] = [];
  at.faults.legacy.journal = async (filter) => {
    const isDrain = filter.statuses?.includes('pending') && filter.olderThanMs === undefined;
    for (const store of isDrain ? [legacy, modern] : [])
      open.push((await store.readState(at.migration.name))?.open);
    return await legacy.journal(filter);
  };
  await control().send('advance');
  delete at.faults.legacy.journal;
  expect(open.length).toBeGreaterThan(0);
  expect(new Set(open)).toEqual(new Set([false]));
});

test('a drain that cannot finish opens the old primary again, and callers only wait', async () => {
  const writers = write(at.lockstep.repository(account));
  at.faults.legacy.journal = async (filter) => {
    // The drain looks for what is pending; as if one of them never came through.
    const entries = await at.stores.legacy.journal(filter);
    const id = 'never-settled';
    const createdAtMs = Date.now();
    const stuck = {
      id,
      entity: 'account',
      key: ['1'],
      kind: 'create',
      status: 'pending' as const,
      version: '1',
      fault: null,
      reason: null,
      failure: null,
      refusal: null,
      attempts: 0,
      before: null,
      createdAtMs,
      updatedAtMs: createdAtMs,
    };
    return filter.statuses?.includes('pending') ? [...entries, stuck] : entries;
  };
  const { epoch } = await control().status();
  await expect(control().send('advance')).rejects.toThrow();
  delete at.faults.legacy.journal;

  const status = await control().status();
  expect(status).toMatchObject({ phase: 'switch-reads', primary: 'legacy', busy: null });
  expect(status.epoch).toBeGreaterThan(epoch);
  for (const store of [at.stores.legacy, at.stores.modern]) {
    expect(await store.readState(at.migration.name)).toMatchObject({ open: true, epoch: status.epoch });
  }
  const before = writers.acknowledged();
  await until('the writers go on', async () => writers.acknowledged() > before + 8);
  await expectNothingLost(await writers.stop());
});

test('a write that had committed unanswered before the primary changed is found, not done again', async () => {
  const { legacy } = at.stores;
  const value = newAccount();
  let tries = 0;
  let committed = false;
  at.faults.legacy.write = async (entity, items, fence) => {
    if (items[0]?.mode !== 'primary') return await legacy.write(entity, items, fence);
    tries += 1;
    if (tries === 1) {
      await legacy.write(entity, items, fence);
      committed = true;
    }
    throw new LockstepError('StoreUnavailable', 'the answer was lost');
  };
  const creating = at.lockstep.repository(account).create(value);
  await until('it has committed', async () => committed);
  const { epoch } = await control().send('advance');
  delete at.faults.legacy.write;
  const { version } = await creating;
  await drained(at);
  expect(await versionsOf(at, account, value.id)).toEqual([version, version]);
  expect(await decidedUnder('modern', epoch)).not.toContain(epoch);
  await control().send('rollback');
  await expectNothingLost({ accounts: new Map([[value.id, value]]), acknowledged: 1, failures: [] });
});

test('a secondary that goes away while the primary changes does not keep the old primary closed', async () => {
  const { epoch } = await control().status();
  let closing = false;
  at.faults.modern.writeState = async (state) => {
    closing ||= !state.open;
    if (!closing) return await at.stores.modern.writeState(state);
    await at.proxies.modern.cut();
    throw new LockstepError('StoreUnavailable', 'the connection was lost');
  };
  await expect(control().send('advance')).rejects.toThrow();
  const state = await at.stores.legacy.readState(at.migration.name);
  expect(state).toMatchObject({ phase: 'switch-reads', open: true });
  expect(state?.epoch).toBeGreaterThan(epoch);
  await at.lockstep.repository(account).create(newAccount());

  delete at.faults.modern.writeState;
  expect((await at.stores.modern.readState(at.migration.name))?.epoch).toBe(epoch);
  await at.proxies.modern.restore();
  await drained(at);
  expect(await at.stores.modern.readState(at.migration.name)).toEqual(state);
  expect(await tableOf(at, 'modern', 'accounts')).toEqual(await tableOf(at, 'legacy', 'accounts'));
});

test('a write that is parked while the primary changes is found by the drain', async () => {
  const { operationId } = await at.lockstep
    .repository(account)
    .create(newAccount({ balance: refusedByModern }));
  await until('it is parked', async () => (await control().writeStatus(operationId)).stage === 'parked');
  at.faults.legacy.journalBacklog = async () => ({
    pending: 0,
    parked: 0,
    tentative: 0,
    oldestMs: null,
    oldestPendingMs: null,
    oldestParkedMs: null,
    oldestTentativeMs: null,
  });
  await expect(control().send('advance')).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'drain' },
  });
  delete at.faults.legacy.journalBacklog;
  expect(await at.stores.legacy.readState(at.migration.name)).toMatchObject({
    phase: 'switch-reads',
    open: true,
  });
  await at.lockstep.repository(account).create(newAccount());
});

test('a drain completes nothing that the other store refuses', async () => {
  const { epoch } = await control().status();
  at.faults.modern.write = async (_entity, items, fence) => {
    // The write itself finds the store away, so that only the drain hears of the refusal.
    if (fence.epoch <= epoch) throw new LockstepError('StoreUnavailable', 'away', { store: 'modern' });
    const failure = { code: 'StoreRefused', about: 'row', message: 'as if by a check' } as const;
    return items.map(() => ({ status: 'failed', failure }) as const);
  };
  const value = newAccount();
  const { operationId } = await at.lockstep.repository(account).create(value);
  await expect(control().send('advance')).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'drain' },
  });
  expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'pending' });
  delete at.faults.modern.write;
  await drained(at);
  const [legacy, modern] = await rowsOf(at, 'accounts', value.id);
  expect(modern).toEqual(legacy);
});
