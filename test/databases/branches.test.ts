import { afterEach, expect, test } from 'vitest';
import type { Store } from '../../databases/contract/store.ts';
import { transactionKey } from '../../databases/contract/transaction-key.ts';
import type { Attempt, Change } from '../../databases/contract/transactions.ts';
import { branchName } from '../../databases/engine/branch-name.ts';
import { account } from '../support/accounts.ts';
import {
  fence,
  forEachEngineRole,
  migrationName,
  type Opened,
  openRole,
  openStoreAs,
  operationId,
  readOne,
  writeOf,
  writeOne,
} from './engine-roles.ts';
import { slot } from './entities.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };
let attempts = 0;

function attemptAt({ store }: Opened, given: Partial<Attempt> = {}): Attempt {
  attempts += 1;
  return {
    migration: migrationName,
    transaction: `transaction-${attempts}`,
    attempt: String(attempts).padStart(8, '0'),
    coordinator: store.name,
    ...given,
  };
}

function create(id: number, given: Partial<typeof ada> = {}): Change {
  return { entity: account, item: writeOf(account, { ...ada, id, ...given }, { kind: 'create' }) };
}

const label = (number: bigint): Change => ({
  entity: slot,
  item: writeOf(slot, { region: 'north', number, label: 'first' }),
});

const rowOf = (at: Opened, id: number) => at.sql(`SELECT owner FROM accounts WHERE id = ${id}`);

/** Ends what a test leaves, so that nothing outlives it. */
async function clear(store: Store) {
  for (const left of await store.preparedBranches(migrationName)) await store.rollBackBranch(left);
}

forEachEngineRole('a branch', (at) => {
  afterEach(() => clear(at().store));

  test('shows nothing until it is committed, and then all of it', async () => {
    const { store, control } = at();
    const attempt = attemptAt(at());
    const prepared = await store.prepareBranch(attempt, [create(10), label(10n), create(11)], fence);
    expect(prepared).toEqual({ status: 'applied', versions: ['1', '1', '1'] });
    expect(await rowOf(at(), 10)).toEqual([]);
    expect(await store.preparedBranches(migrationName)).toEqual([attempt]);
    expect(await store.preparedBranches('other')).toEqual([]);

    expect(await store.commitBranch(attempt)).toBe(true);
    expect(await rowOf(at(), 10)).toEqual([{ owner: 'Ada' }]);
    expect(await rowOf(at(), 11)).toEqual([{ owner: 'Ada' }]);
    expect(await readOne(store, slot, ['north', '10'])).toMatchObject({ version: '1' });
    expect(await store.preparedBranches(migrationName)).toEqual([]);
    expect(await store.commitBranch(attempt)).toBe(false);
    expect(await control('records', 'version = 0')).toEqual([]);
  });

  test('that is rolled back leaves nothing, not even its operations', async () => {
    const { store, control } = at();
    const attempt = attemptAt(at());
    const change = create(20);
    await store.prepareBranch(attempt, [change], fence);
    expect(await store.rollBackBranch(attempt)).toBe(true);
    expect(await store.rollBackBranch(attempt)).toBe(false);
    expect(await rowOf(at(), 20)).toEqual([]);
    expect(await control('operations', `id = '${change.item.operationId}'`)).toEqual([]);
    expect(await control('records', `record_key = '["20"]'`)).toEqual([]);
    expect(await writeOne(store, account, change.item)).toEqual({ status: 'applied', version: '1' });
  });

  test.each([
    ['a record that is there', { id: 30 }, { status: 'refused', reason: 'AlreadyExists' }],
    ['what a constraint refuses', { id: 32, balance: '-1.00' }, { status: 'failed' }],
  ])('is not prepared over %s', async (_, given, outcome) => {
    const { store } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 30 }));
    const attempt = attemptAt(at());
    const changes = [create(31), label(30n), create(given.id, given)];
    expect(await store.prepareBranch(attempt, changes, fence)).toMatchObject({
      status: 'not applied',
      outcome,
    });
    expect(await store.preparedBranches(migrationName)).toEqual([]);
    expect(await rowOf(at(), 31)).toEqual([]);
    expect((await readOne(store, slot, ['north', '30'])).image).toBeNull();
  });

  test('names the first change that was not applied', async () => {
    const { store } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 35 }));
    const changes = [label(35n), create(36), create(35)];
    const result = await store.prepareBranch(attemptAt(at()), changes, fence);
    expect(result).toMatchObject({ position: 2, outcome: { status: 'refused' } });
  });

  test('of another epoch is not prepared', async () => {
    const { store } = at();
    const result = await store.prepareBranch(attemptAt(at()), [create(40)], { ...fence, epoch: 9 });
    expect(result).toMatchObject({ status: 'not applied', outcome: { status: 'fenced' } });
    expect(await store.preparedBranches(migrationName)).toEqual([]);
  });

  test('whose operation was closed is not prepared', async () => {
    const { store } = at();
    const change = create(45);
    await store.abort(
      { id: change.item.operationId ?? '', entity: 'account', key: ['45'], kind: 'transaction' },
      migrationName,
    );
    expect(await store.prepareBranch(attemptAt(at()), [change], fence)).toMatchObject({
      outcome: { status: 'known', recorded: 'aborted' },
    });
    expect(await store.preparedBranches(migrationName)).toEqual([]);
  });

  test('keeps its locks', async () => {
    const { store, another } = at();
    const watcher = await another();
    const attempt = attemptAt(at());
    await store.prepareBranch(attempt, [create(50)], fence);
    const behind = writeOne(store, account, writeOf(account, { ...ada, id: 50, owner: 'Bob' }));
    await watcher.waiting(1);
    await store.commitBranch(attempt);
    expect(await behind).toEqual({ status: 'applied', version: '2' });
  });

  test('keeps a new epoch out until it ends', async () => {
    const { store, another, asPrimary } = at();
    const watcher = await another();
    const attempt = attemptAt(at());
    await store.prepareBranch(attempt, [create(60)], fence);
    let told = false;
    const closing = asPrimary(1).finally(() => {
      told = true;
    });
    await watcher.waiting(1);
    expect(told).toBe(false);
    await store.commitBranch(attempt);
    await closing;
  });

  test('that does not end makes a new epoch fail with a reason', async () => {
    const { store, open } = at();
    const attempt = attemptAt(at());
    await store.prepareBranch(attempt, [create(61)], fence);
    const impatient = open({ options: { statementTimeoutMs: 1_000 } });
    const state = await store.readState(migrationName);
    if (!state) throw new Error('the place has a state');
    await expect(impatient.writeState(state)).rejects.toMatchObject({
      code: 'StoreUnavailable',
      message: expect.stringContaining('1 transaction is prepared'),
    });
    await store.rollBackBranch(attempt);
  });

  test('is seen and ended by a store that did not prepare it', async () => {
    const { store, open } = at();
    const attempt = attemptAt(at());
    await store.prepareBranch(attempt, [create(70)], fence);
    const other = open();
    expect(await other.preparedBranches(migrationName)).toEqual([attempt]);
    expect(await other.commitBranch(attempt)).toBe(true);
    expect(await rowOf(at(), 70)).toEqual([{ owner: 'Ada' }]);
  });

  test('whose connection ends at that moment is ended by others all the same', async () => {
    const { store, url, engineRole } = at();
    const ids = Array.from({ length: 20 }, (_, index) => 700 + index);
    const attempts = await Promise.all(
      ids.map(async (id) => {
        const attempt = attemptAt(at());
        const dying = openStoreAs(engineRole.role, { url });
        await dying.prepareBranch(attempt, [create(id)], fence);
        await dying.close();
        return attempt;
      }),
    );
    expect(await Promise.all(attempts.map((attempt) => store.commitBranch(attempt)))).not.toContain(false);
    for (const id of ids) expect(await rowOf(at(), id)).toEqual([{ owner: 'Ada' }]);
  });

  test('of the same migration in another database is not ours', async () => {
    await using other = await openRole(at().engineRole);
    const attempt = attemptAt(at());
    await other.store.prepareBranch(attempt, [create(75)], fence);
    const [here, rolledBack, there] = [
      await at().store.preparedBranches(migrationName),
      await at().store.rollBackBranch(attempt),
      await other.store.preparedBranches(migrationName),
    ];
    await clear(other.store);
    expect({ here, rolledBack, there }).toEqual({ here: [], rolledBack: false, there: [attempt] });
  });

  test('of an operation with the longest id has a name that the server takes', async () => {
    const { store } = at();
    const longest = 'x'.repeat(160);
    const attempt = attemptAt(at(), { transaction: transactionKey(longest) });
    const { global, local } = branchName(
      { ...attempt, migration: 'm'.repeat(40) },
      store.name,
      'd'.repeat(64),
    );
    expect([global, local].map((part) => Buffer.byteLength(part) <= 64)).toEqual([true, true]);
    await store.prepareBranch(attempt, [create(80)], fence);
    expect(await store.preparedBranches(migrationName)).toEqual([attempt]);
    await clear(store);
  });

  test('waits for none of other keys, in tables that are all but empty', async () => {
    const { store } = at();
    const attempts = [];
    for (const id of [95, 96, 97]) {
      const attempt = attemptAt(at());
      const prepared = await store.prepareBranch(attempt, [create(id)], fence);
      expect(prepared).toMatchObject({ status: 'applied' });
      attempts.push(attempt);
    }
    for (const attempt of attempts) expect(await store.commitBranch(attempt)).toBe(true);
  });

  test('two over the same records in opposite order both get in', async () => {
    const { store } = at();
    const both = [90, 91].map((id) => writeOf(account, { ...ada, id }));
    const changes = (order: typeof both): Change[] =>
      order.map((item) => ({ entity: account, item: { ...item, operationId: operationId() } }));
    const run = async (order: typeof both) => {
      const attempt = attemptAt(at());
      const result = await store.prepareBranch(attempt, changes(order), fence);
      await store.commitBranch(attempt);
      return result.status;
    };
    const maxAttempts = Array.from({ length: 10 }, () => [run(both), run(both.toReversed())]).flat();
    expect(new Set(await Promise.all(maxAttempts))).toEqual(new Set(['applied']));
    expect(await readOne(store, account, ['90'])).toMatchObject({ version: '20' });
  });
});

forEachEngineRole('the record of a transaction', (at, { engine }) => {
  const opened = async (attempt: string, id = operationId()) => {
    const { record } = await at().store.openTransaction(
      { operationId: id, entity: 'account', key: ['1'] },
      attempt,
      migrationName,
    );
    return record;
  };
  const commit = (attempt: string) => ({ decision: 'commit', attempt, versions: ['7', '8'] }) as const;
  const abort = { decision: 'abort', code: 'Aborted', reason: 'it took too long' } as const;

  test('is decided once: what comes second changes nothing', async () => {
    const { store } = at();
    const { transaction } = await opened('aaaaaaaa');
    expect(await store.decide(migrationName, transaction, commit('aaaaaaaa'))).toMatchObject({
      decision: 'commit',
      versions: ['7', '8'],
    });
    expect(await store.decide(migrationName, transaction, abort)).toMatchObject({ decision: 'commit' });

    const second = await opened('bbbbbbbb');
    await store.decide(migrationName, second.transaction, abort);
    expect(await store.decide(migrationName, second.transaction, commit('bbbbbbbb'))).toMatchObject({
      decision: 'abort',
      code: 'Aborted',
      reason: 'it took too long',
    });
  });

  test('lets the last attempt commit and no other', async () => {
    const { store } = at();
    const id = operationId();
    const { transaction } = await opened('aaaaaaaa', id);
    expect(await opened('bbbbbbbb', id)).toMatchObject({ attempt: 'bbbbbbbb', decision: null });
    expect(await store.decide(migrationName, transaction, commit('aaaaaaaa'))).toMatchObject({
      decision: null,
    });
    expect(await store.decide(migrationName, transaction, commit('bbbbbbbb'))).toMatchObject({
      decision: 'commit',
      attempt: 'bbbbbbbb',
    });
    expect(await opened('cccccccc', id)).toMatchObject({ attempt: 'bbbbbbbb', decision: 'commit' });
  });

  test('that is opened again keeps a decision that comes between', async () => {
    const { store, another } = at();
    const id = operationId();
    const { transaction } = await opened('aaaaaaaa', id);
    const table = engine === 'PostgreSQL' ? 'lockstep.decisions' : 'lockstep_decisions';
    const other = await another();
    await other.rows('START TRANSACTION');
    // A locked row is still read as undecided.
    await other.rows(`SELECT id FROM ${table} WHERE id = '${transaction}' FOR UPDATE`);
    const again = opened('bbbbbbbb', id);
    await (await another()).waiting(1);
    await other.rows(
      `UPDATE ${table} SET decision = 'commit', versions = '["7"]' WHERE id = '${transaction}'`,
    );
    await other.rows('COMMIT');
    const decided = { attempt: 'aaaaaaaa', decision: 'commit', versions: ['7'] };
    expect(await again).toMatchObject(decided);
    expect(await store.decision(migrationName, transaction)).toMatchObject(decided);
  });

  test('is made by an abort that comes first, and a commit loses', async () => {
    const { store } = at();
    const id = operationId();
    await store.decide(migrationName, transactionKey(id), abort);
    expect(await opened('aaaaaaaa', id)).toMatchObject({ decision: 'abort', code: 'Aborted' });
    expect(await store.decide(migrationName, transactionKey(id), commit('aaaaaaaa'))).toMatchObject({
      decision: 'abort',
    });
  });

  test('gets no abort from a store that is not the primary any more: the new one would not know it', async () => {
    const { store } = at();
    const { transaction } = await opened('aaaaaaaa');
    const never = transactionKey(operationId());
    await at().asSecondary(2);
    for (const [key, epoch] of [
      [transaction, 1],
      [transaction, 2],
      [never, 2],
    ] as const) {
      const deciding = store.decide(migrationName, key, abort, { epoch });
      await expect(deciding).rejects.toMatchObject({ code: 'Fenced' });
    }
    expect(await store.decision(migrationName, transaction)).toMatchObject({ decision: null });
    expect(await store.decision(migrationName, never)).toBeNull();
    await at().asPrimary(3);
    expect(await store.decide(migrationName, transaction, abort, { epoch: 3 })).toMatchObject({
      decision: 'abort',
    });
  });

  test('is forgotten while it is undecided, unless another attempt has come', async () => {
    const { store } = at();
    const record = await opened('aaaaaaaa');
    const { transaction, operationId: id } = record;
    await opened('bbbbbbbb', id);
    await store.forgetUndecided(migrationName, record);
    const second = await store.decision(migrationName, transaction);
    if (!second) throw new TypeError('another attempt was forgotten');
    await store.forgetUndecided(migrationName, second);
    expect(await store.decision(migrationName, transaction)).toBeNull();
    await store.decide(migrationName, transaction, abort);
    await store.forgetUndecided(migrationName, { ...second, attempt: '' });
    expect(await store.decision(migrationName, transaction)).toMatchObject({ decision: 'abort' });
  });

  test('is listed while it is undecided', async () => {
    const { store } = at();
    const { transaction } = await opened('aaaaaaaa');
    const listed = async (olderThanMs: number) =>
      (await store.undecided(migrationName, olderThanMs)).map((record) => record.transaction);
    expect(await listed(0)).toContain(transaction);
    expect(await listed(3_600_000)).toEqual([]);
    await store.decide(migrationName, transaction, abort);
    expect(await listed(0)).not.toContain(transaction);
  });

  test('is decided in the transaction that writes, where there is one store', async () => {
    const { store } = at();
    const id = operationId();
    const { transaction } = await opened('aaaaaaaa', id);
    const attempt = attemptAt(at(), { transaction, attempt: 'aaaaaaaa' });
    expect(await store.applyTransaction(attempt, [create(100), create(101)], fence)).toMatchObject({
      status: 'applied',
    });
    expect(await store.decision(migrationName, transaction)).toMatchObject({ decision: 'commit' });
    expect(await rowOf(at(), 101)).toEqual([{ owner: 'Ada' }]);
  });

  test('that is decided keeps that transaction out', async () => {
    const { store } = at();
    const { transaction } = await opened('aaaaaaaa');
    await store.decide(migrationName, transaction, abort);
    const attempt = attemptAt(at(), { transaction, attempt: 'aaaaaaaa' });
    await expect(store.applyTransaction(attempt, [create(110)], fence)).rejects.toMatchObject({
      code: 'WriteConflict',
    });
    expect(await rowOf(at(), 110)).toEqual([]);
  });

  test('that another attempt has committed keeps this one out', async () => {
    const { store } = at();
    const id = operationId();
    const { transaction } = await opened('aaaaaaaa', id);
    await opened('bbbbbbbb', id);
    await store.decide(migrationName, transaction, commit('bbbbbbbb'));
    const attempt = attemptAt(at(), { transaction, attempt: 'aaaaaaaa' });
    await expect(store.applyTransaction(attempt, [create(115)], fence)).rejects.toMatchObject({
      code: 'WriteConflict',
    });
    expect(await rowOf(at(), 115)).toEqual([]);
  });

  test('a transaction of one store that is refused leaves no part of itself', async () => {
    const { store } = at();
    await writeOne(store, account, writeOf(account, { ...ada, id: 120 }));
    const { transaction } = await opened('aaaaaaaa');
    const attempt = attemptAt(at(), { transaction, attempt: 'aaaaaaaa' });
    expect(await store.applyTransaction(attempt, [create(121), create(120)], fence)).toMatchObject({
      position: 1,
      outcome: { status: 'refused', reason: 'AlreadyExists' },
    });
    expect(await rowOf(at(), 121)).toEqual([]);
    expect(await store.decision(migrationName, transaction)).toMatchObject({ decision: null });
  });
});
