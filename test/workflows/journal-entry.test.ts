import type { Client } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connect } from '../../client/service/connect.ts';
import { connectTemporal } from '../../client/temporal/connection.ts';
import { defineMigration } from '../../model/migration.ts';
import { caller } from '../databases/caller.ts';
import {
  account,
  createAccounts,
  journaled,
  newAccount,
  refusedByLegacy,
  refusedByModern,
} from '../support/accounts.ts';
import { validate } from '../support/advance.ts';
import type { Connected } from '../support/connect-both.ts';
import { bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, entryIn, rowsOf, tableOf, versionsOf } from '../support/inspect.ts';
import { codesOf } from '../support/outcomes.ts';
import { quick } from '../support/policy.ts';
import { proxy, type Proxy as TemporalProxy } from '../support/proxy.ts';
import { until } from '../support/until.ts';
import { writeMessage } from '../support/write-message.ts';
import { expectedRows, write } from '../support/writers.ts';

const maxOwed = 8;
const several = (count: number) => Array.from({ length: count }, () => newAccount());

describe.each(['mysql', 'postgresql'] as const)('entry by the journal, migrating from %s', (from) => {
  let at: RunningMigration;
  /** Its Temporal may be cut off, without anybody else noticing. */
  let alone: Connected;
  let between: TemporalProxy;
  let temporal: Client;
  beforeAll(async () => {
    at = await runningMigration('switch-reads', {
      from,
      entities: [journaled],
      tables: {
        legacy: [createAccounts('accounts', 'legacy')],
        modern: [createAccounts('accounts', 'modern')],
      },
      phases: { drainLimitMs: 10_000 },
    });
    between = await proxy(`http://${at.environment.TEMPORAL_ADDRESS}`);
    temporal = await connectTemporal({
      ...at.environment,
      TEMPORAL_ADDRESS: new URL(between.url).host,
    });
    alone = await at.connect({ temporal });
  });
  beforeEach(() => bringTo(at.lockstep, 'switch-reads'));
  afterEach(async () => {
    await between.restore();
    await at.restore();
    for (const { id } of await at.lockstep.journal.list({ statuses: ['parked'], limit: 100 }))
      await at.lockstep.control.resolve(id, 'compensate');
    await at.lockstep.journal.retry(everything);
    await drained(at);
  });
  afterAll(async () => {
    await at?.[Symbol.asyncDispose]();
    await temporal?.connection.close();
    await between?.close();
  });

  const everything = { olderThanMs: 0, parked: false, ids: null };
  const accounts = (lockstep: Connected = at.lockstep) => lockstep.repository(journaled);
  const owners = async (id: number) => (await rowsOf(at, 'accounts', id)).map((row) => row?.owner ?? null);
  const hasWorkflow = (id: string) =>
    at.lockstep.control.writeStatus(id).then(
      () => true,
      () => false,
    );

  test('an id that another write has is refused, alone and among others', async () => {
    const accounts = at.lockstep.repository(journaled);
    const [first, other] = [newAccount(), newAccount()];
    const operationId = `used-${first.id}`;
    await accounts.create(first, { operationId });
    const outcomes = await Promise.allSettled([
      accounts.create(other, { operationId }),
      accounts.create(newAccount()),
      accounts.create(newAccount()),
    ]);
    expect(codesOf(outcomes)).toEqual(['OperationIdTaken', 'done', 'done']);
    expect(codesOf(await Promise.allSettled([accounts.delete(first.id, { operationId })]))).toEqual([
      'OperationIdTaken',
    ]);
    await drained(at);
    expect(await rowsOf(at, 'accounts', other.id)).toEqual([null, null]);
    for (const row of await rowsOf(at, 'accounts', first.id))
      expect(row).toMatchObject({ owner: first.owner });
  });

  test('writes reach the other store without a workflow of their own', async () => {
    const [kept, changed, deleted] = [newAccount(), newAccount(), newAccount()];
    const receipts = await Promise.all([kept, changed, deleted].map((value) => accounts().create(value)));
    await accounts().update(changed.id, { owner: 'changed' });
    await accounts().delete(deleted.id);
    await drained(at);
    expect(await owners(kept.id)).toEqual([kept.owner, kept.owner]);
    expect(await owners(changed.id)).toEqual(['changed', 'changed']);
    expect(await owners(deleted.id)).toEqual([null, null]);
    const [primary, secondary] = await versionsOf(at, account, changed.id);
    expect(primary).toBe(secondary);
    for (const { operationId, version } of receipts) {
      expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'completed', version });
      expect(await hasWorkflow(operationId)).toBe(false);
    }
  });

  test('a write is answered at its commit while Temporal is cut off, and lands when it is back', async () => {
    await between.cut();
    const values = several(20);
    const receipts = await Promise.all(values.map((value) => accounts(alone).create(value)));
    expect(new Set(receipts.map(({ version }) => version)).size).toBe(20);
    for (const [index, { token }] of receipts.slice(0, 2).entries()) {
      const read = await accounts(alone).get(values[index]?.id ?? 0, { atLeast: token });
      expect(read?.value.owner).toBe(values[index]?.owner);
    }
    await between.restore();
    await drained(at);
    for (const { id, owner } of values) expect(await owners(id)).toEqual([owner, owner]);
  });

  test('what a service left behind is found in the journal', async () => {
    await accounts().create(newAccount());
    await between.cut();
    const sweep = at.temporal.workflow.getHandle(`replicate-owed/${at.migration.name}`);
    await until('a sweep has run', () => sweep.describe().catch(() => null));
    await until('no sweep runs', async () => (await sweep.describe()).status.name !== 'RUNNING');
    const value = newAccount();
    const { operationId } = await accounts(alone).create(value);
    expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'pending' });
    await at.lockstep.journal.retry(everything);
    expect(await owners(value.id)).toEqual([value.owner, value.owner]);
    expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'completed' });
  });

  test('refused writes are told so, again and by either entry, and fail none of their neighbours', async () => {
    const taken = newAccount({ email: `taken-${from}` });
    await accounts().create(taken);
    const unique = newAccount({ email: taken.email });
    const check = newAccount({ balance: refusedByLegacy });
    const sent = () => [
      accounts().create({ ...taken }, { operationId: `exists-${from}` }),
      accounts().create(newAccount()),
      accounts().create(unique, { operationId: `unique-${from}` }),
      accounts().create(check, { operationId: `check-${from}` }),
      accounts().update(987_654, { owner: 'nobody' }, { operationId: `missing-${from}` }),
      accounts().create(newAccount()),
    ];
    const codes = ['AlreadyExists', 'done', 'StoreRefused', 'StoreRefused', 'NotFound', 'done'];
    expect(codesOf(await Promise.allSettled(sent()))).toEqual(codes);
    expect(codesOf(await Promise.allSettled(sent()))).toEqual(codes);
    const byWorkflow = await Promise.allSettled([
      accounts().create({ ...check, balance: '1.00' }, { operationId: `check-${from}`, ack: 'both' }),
      at.lockstep.repository(account).create(unique, { operationId: `unique-${from}` }),
    ]);
    expect(codesOf(byWorkflow)).toEqual(['StoreRefused', 'StoreRefused']);
    const { token } = await accounts().update(taken.id, { owner: 'seen' });
    await accounts().update(taken.id, { owner: 'newer' });
    const conflict = accounts().update(taken.id, { owner: 'late' }, { ifUnchangedSince: token });
    await expect(conflict).rejects.toMatchObject({ code: 'VersionConflict' });
  });

  test('sent again under its id, by either entry, it gives what it gave', async () => {
    const value = newAccount();
    const operationId = `again-${from}-${value.id}`;
    const first = await accounts().create(value, { operationId });
    expect(await accounts().create(value, { operationId })).toEqual(first);
    expect(await at.lockstep.repository(account).create(value, { operationId })).toEqual(first);
    expect(await accounts().create(value, { operationId, ack: 'both' })).toEqual(first);
    const other = newAccount();
    const byWorkflow = await at.lockstep
      .repository(account)
      .create(other, { operationId: `${operationId}-w` });
    expect(await accounts().create(other, { operationId: `${operationId}-w` })).toEqual(byWorkflow);
  });

  test('who asks for both waits for both', async () => {
    const value = newAccount();
    await accounts().create(value, { ack: 'both' });
    expect(await owners(value.id)).toEqual([value.owner, value.owner]);
    expect(await accounts().create(newAccount(), { ack: 'recorded' })).toMatchObject({ version: null });
  });

  test('writes of one record that are sent without waiting keep their order', async () => {
    const value = newAccount();
    const created = await accounts().create(value);
    const [, ...sent] = await Promise.all([
      accounts().create(newAccount()),
      ...['first', 'second', 'third', 'fourth'].map((owner) => accounts().update(value.id, { owner })),
    ]);
    const versions = [created, ...sent].map(({ version }) => BigInt(version));
    expect(versions).toEqual(versions.toSorted((left, right) => (left < right ? -1 : 1)));
    await drained(at);
    expect(await owners(value.id)).toEqual(['fourth', 'fourth']);
  });

  test('one that the other store refuses is parked with a workflow of its own, and can be decided', async () => {
    const values = several(3).map((value, index) =>
      index === 1 ? { ...value, balance: refusedByModern } : value,
    );
    const receipts = await Promise.all(values.map((value) => accounts().create(value)));
    const parked = receipts[1]?.operationId ?? '';
    await until('it is parked', async () => (await entryIn(at, 'legacy', parked))?.status === 'parked');
    // Its workflow hears so a moment after the journal does.
    await until('its workflow waits', async () => {
      const { stage } = await at.lockstep.control.writeStatus(parked);
      return stage === 'parked';
    });
    await at.lockstep.control.resolve(parked, 'compensate');
    await until('it is undone', async () => (await entryIn(at, 'legacy', parked))?.status === 'compensated');
    expect(await owners(values[1]?.id ?? 0)).toEqual([null, null]);
    for (const { id, owner } of [values[0], values[2]].filter((value) => value !== undefined))
      expect(await owners(id)).toEqual([owner, owner]);
  });

  test('a service that closes answers the writes under way, and takes no later ones', async () => {
    const lockstep = await at.connect();
    const repository = accounts(lockstep);
    // The service knows its route then.
    await repository.create(newAccount());
    const values = several(300);
    const sent = Promise.all(values.map((value) => repository.create(value)));
    await new Promise((resolve) => setImmediate(resolve));
    await lockstep.close();
    await sent;
    for (const { id, owner } of values.slice(-2)) expect((await owners(id))[0]).toBe(owner);
    await expect(repository.create(newAccount())).rejects.toMatchObject({ code: 'InvalidInput' });
  });

  test('where no other store follows, nothing is owed', async () => {
    const { name, entities } = at.migration;
    const bounds = quick({ write: { maxOwed } });
    const migration = defineMigration({ ...bounds, name, entities, deadline: '2100-01-01T00:00:00Z' });
    await bringTo(at.lockstep, 'legacy-only');
    await using lockstep = await connect(migration, { environment: at.environment, temporal: at.temporal });
    for (const value of several(2 * maxOwed)) await lockstep.repository(journaled).create(value);
  });

  test('what is owed has a bound, which touches keep too, and there is something to wait for', async () => {
    const { name, entities } = at.migration;
    const bounds = quick({ write: { maxOwed } });
    const migration = defineMigration({ ...bounds, name, entities, deadline: '2100-01-01T00:00:00Z' });
    const { environment, temporal: client } = at;
    await using lockstep = await connect(migration, { environment, temporal: client });
    await at.proxies.modern.cut();
    const repository = lockstep.repository(journaled);
    for (const value of several(maxOwed)) await repository.create(value);
    await expect(repository.create(newAccount())).rejects.toMatchObject({
      code: 'Overloaded',
      details: { measured: { owed: maxOwed } },
    });
    await using service = await caller(at.environment.LOCKSTEP_LEGACY_URL ?? '');
    await service.sql('BEGIN');
    await expect(lockstep.touch(service.tx, journaled, 1)).rejects.toMatchObject({ code: 'Overloaded' });
    await service.sql('ROLLBACK');
    let ready = false;
    const waiting = lockstep.whenReady().then(() => {
      ready = true;
    });
    expect(ready).toBe(false);
    await at.proxies.modern.restore();
    await waiting;
    await repository.create(newAccount());
  });

  test('a change of primary under writers that never pause loses nothing, and none of them notices', async () => {
    const writers = write(accounts());
    for (const turn of ['advance', 'rollback'] as const) {
      const before = writers.acknowledged();
      await until('the writers are at work', async () => writers.acknowledged() > before + 8);
      if (turn === 'advance') {
        await at.lockstep.control.setReadPercent(100);
        await validate(at.lockstep.control);
      }
      await at.lockstep.control.send(turn);
    }
    const after = writers.acknowledged();
    await until('the writers go on', async () => writers.acknowledged() > after + 8);
    const promised = await writers.stop();
    expect(promised.failures).toEqual([]);
    await drained(at);
    for (const store of ['legacy', 'modern'] as const) {
      const rows = await tableOf(at, store, 'accounts');
      expect(rows.filter(({ id }) => promised.accounts.has(Number(id)))).toEqual(expectedRows(promised));
    }
  });

  test('a lost answer of the primary is asked for again under the same id', async () => {
    const value = newAccount();
    const lost = at.proxies.legacy.dropNextAnswer(writeMessage(at.stores.legacy, 'account'));
    const { operationId } = await accounts().create(value);
    await lost;
    await drained(at);
    expect(await owners(value.id)).toEqual([value.owner, value.owner]);
    expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'completed' });
  });
});
