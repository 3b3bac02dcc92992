import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { exchangeMarks } from '../../activities/migration/exchange-marks.ts';
import { transactionKey } from '../../databases/contract/transaction-key.ts';
import type { LockstepError, StoreName } from '../../model/failure.ts';
import { otherStore } from '../../model/phase.ts';
import { HybridClock } from '../../model/version.ts';
import { writeWorkflowId } from '../../workflows/messages.ts';
import {
  type Account,
  account,
  bound,
  createAccounts,
  newAccount,
  refusedByLegacy,
  refusedByModern,
  twin,
} from '../support/accounts.ts';
import { copyOfStore } from '../support/copy-of-store.ts';
import { bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, entryIn, rowsOf } from '../support/inspect.ts';

const entities = [account, twin, bound];
const tables = ['accounts', 'twins', 'bound'];
const made = (store: 'legacy' | 'modern') => tables.map((table) => createAccounts(table, store));

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('switch-reads', {
    entities,
    tables: { legacy: made('legacy'), modern: made('modern') },
  });
});
beforeEach(async () => {
  await bringTo(at.lockstep, 'switch-reads');
  await at.lockstep.control.setReadPercent(100);
});
afterAll(() => at?.[Symbol.asyncDispose]());

interface Sent {
  readonly version: string | null;
}

interface Accounts {
  create(value: Account, options: { operationId: string }): Promise<Sent>;
  update(id: number, patch: { owner: string }, options: { operationId: string }): Promise<Sent>;
  delete(id: number, options: { operationId: string }): Promise<Sent>;
}

/** What a caller is told: the version, or the code of the refusal. */
async function told(sending: Promise<Sent>): Promise<string | null> {
  return await sending.then(
    ({ version }) => version,
    (error: { code: string }) => error.code,
  );
}

/** Every kind of operation of one record, in the order in which they are sent first. */
function operationsOn(accounts: Accounts, value: Account, tag: string) {
  const { id } = value;
  const [gone, missing] = [newAccount(), newAccount()];
  const options = (name: string) => ({ operationId: `${tag}-${id}-${name}` });
  return [
    () => told(accounts.create(value, options('created'))),
    () => told(accounts.update(id, { owner: 'first' }, options('updated'))),
    () => told(accounts.create({ ...value, owner: 'over' }, options('exists'))),
    () => told(accounts.update(missing.id, { owner: 'nobody' }, options('missing'))),
    () => told(accounts.create(gone, options('made'))),
    () => told(accounts.delete(gone.id, options('deleted'))),
    () => told(accounts.update(id, { owner: 'last' }, options('superseding'))),
  ];
}

async function inOrder<T>(works: readonly (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = [];
  for (const work of works) results.push(await work());
  return results;
}

describe.each(entities.map((entity, at) => [entity.name, entity, tables[at] ?? ''] as const))(
  '%s',
  (_, entity, table) => {
    const accounts = (): Accounts => at.lockstep.repository(entity);

    test('an operation sent again after a change of primary, and after the way back, has its first outcome', async () => {
      const value = newAccount();
      const operations = operationsOn(accounts(), value, 'legacy');
      const first = await inOrder(operations);
      expect(first[2]).toBe('AlreadyExists');
      expect(first[3]).toBe('NotFound');
      await drained(at);
      const rows = await rowsOf(at, table, value.id);
      expect(rows[1]).toMatchObject({ owner: 'last' });

      await at.lockstep.control.send('advance');
      expect(await inOrder(operations)).toEqual(first);
      const other = newAccount();
      const inModern = operationsOn(accounts(), other, 'modern');
      const second = await inOrder(inModern);
      await at.lockstep.control.send('rollback');
      expect(await inOrder(operations)).toEqual(first);
      expect(await inOrder(inModern)).toEqual(second);

      await drained(at);
      expect(await rowsOf(at, table, value.id)).toEqual(rows);
      for (const row of await rowsOf(at, table, other.id)) expect(row).toMatchObject({ owner: 'last' });
    });
  },
);

describe.each([
  ['one after the other', account, 'accounts'],
  ['both at once', twin, 'twins'],
] as const)('refused by the primary in a write to the stores, %s,', (_, entity, table) => {
  test('an operation is refused in the same way wherever it is sent again, though it would be taken by now', async () => {
    const accounts = at.lockstep.repository(entity);
    const holder = newAccount({ email: `${table}@example.org` });
    await accounts.create(holder);
    const unique = newAccount({ email: holder.email });
    const checked = newAccount({ balance: refusedByLegacy });
    const send = async (value: Account) =>
      await accounts.create(value, { operationId: `refused-${value.id}` }).catch((error: LockstepError) => ({
        code: error.code,
        message: error.message,
        details: error.details,
      }));
    const first = [await send(unique), await send(checked)];
    expect(first).toMatchObject(
      ['unique', 'check'].map((violation) => ({
        code: 'StoreRefused',
        details: { store: 'legacy', about: 'row', violation },
      })),
    );
    await accounts.delete(holder.id, { ack: 'both' });
    expect([await send(unique), await send(checked)]).toEqual(first);
    await at.lockstep.control.send('advance');
    // Modern has no such check.
    expect([await send(unique), await send(checked)]).toEqual(first);
    await at.lockstep.control.send('rollback');
    expect([await send(unique), await send(checked)]).toEqual(first);
    for (const { id } of [unique, checked]) expect(await rowsOf(at, table, id)).toEqual([null, null]);
  });
});

describe('undone because its secondary refused it, a parallel write', () => {
  const twins = () => at.lockstep.repository(twin);
  /** Everything that a caller is told. */
  const failing = async (sending: Promise<unknown>) =>
    await sending.then(
      () => expect.unreachable('it was not refused'),
      ({ code, message, details }: LockstepError) => ({ code, message, details }),
    );

  test.each([
    ['legacy', 'advance'],
    ['modern', 'rollback'],
  ] as const)(
    'with %s as the primary, is refused in the same way wherever it is sent again',
    async (primary, there) => {
      if (primary === 'modern') await at.lockstep.control.send('advance');
      const secondary = otherStore(primary);
      const email = `${primary}@example.org`;
      const holder = newAccount();
      // Only the secondary has the row that is in the way.
      await at.sql[secondary](
        `INSERT INTO twins (id, owner, email, balance) VALUES (${holder.id}, 'nobody', '${email}', 1)`,
      );
      const [unique, known] = [newAccount({ email }), newAccount()];
      const checked = newAccount({ balance: primary === 'legacy' ? refusedByModern : refusedByLegacy });
      await twins().create(known);
      const send = async () => [
        await failing(twins().create(unique, { operationId: `undone-${unique.id}` })),
        await failing(twins().create(checked, { operationId: `undone-${checked.id}` })),
        await failing(twins().update(known.id, { email }, { operationId: `undone-${known.id}` })),
      ];
      const first = await send();
      expect(first).toMatchObject(
        ['unique', 'check', 'unique'].map((violation) => ({
          code: 'StoreRefused',
          message: expect.stringContaining('was undone'),
          details: { store: secondary, about: 'row', violation },
        })),
      );
      expect(await send()).toEqual(first);
      await at.sql[secondary](`DELETE FROM twins WHERE id = ${holder.id}`);
      expect(await send()).toEqual(first);
      await at.lockstep.control.send(there);
      expect(await send()).toEqual(first);
      await bringTo(at.lockstep, primary === 'legacy' ? 'switch-reads' : 'switch-primary');
      expect(await send()).toEqual(first);
      for (const { id } of [unique, checked]) expect(await rowsOf(at, 'twins', id)).toEqual([null, null]);
      expect(await entryIn(at, primary, `undone-${unique.id}`)).toMatchObject({ status: 'compensated' });
      await drained(at);
    },
  );

  test.each([
    ['its undo is noted', 'sent again'],
    ['its undo is noted', 'retried from the journal'],
    ['its undo has begun to write', 'retried from the journal'],
  ] as const)(
    'whose workflow is lost before %s ends as undone when it is %s, though the secondary would take it by now',
    async (when, how) => {
      const email = `lost-${when.length}-${how.length}@example.org`;
      const [holder, value] = [newAccount(), newAccount({ email })];
      const operationId = `undone-${value.id}`;
      await at.sql.modern(
        `INSERT INTO twins (id, owner, email, balance) VALUES (${holder.id}, 'nobody', '${email}', 1)`,
      );
      const handle = at.temporal.workflow.getHandle(writeWorkflowId(at.migration.name, operationId));
      const die = async () => {
        await handle.terminate('lost').catch(() => undefined);
        throw new Error('the worker dies here');
      };
      if (when === 'its undo is noted')
        at.faults.legacy.setOperationStatus = async (...given) => {
          if (given[1] === 'compensated') await die();
          await at.stores.legacy.setOperationStatus(...given);
        };
      else
        at.faults.legacy.noteRefusal = async (...given) => {
          await at.stores.legacy.noteRefusal(...given);
          await die();
        };
      await expect(twins().create(value, { operationId })).rejects.toThrow();
      for (const fault of ['setOperationStatus', 'noteRefusal'])
        Reflect.deleteProperty(at.faults.legacy, fault);
      await at.sql.modern(`DELETE FROM twins WHERE id = ${holder.id}`);
      if (how !== 'sent again')
        await at.lockstep.journal.retry({ parked: false, olderThanMs: 0, ids: [operationId] });
      for (let time = 1; time <= 2; time++)
        expect(await failing(twins().create(value, { operationId }))).toMatchObject({
          code: 'StoreRefused',
          details: { store: 'modern', violation: 'unique' },
        });
      expect(await rowsOf(at, 'twins', value.id)).toEqual([null, null]);
      expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'compensated' });
      await drained(at);
    },
  );
});

test('an operation that commits between the first copy of the outcomes and the closing is known too', async () => {
  const accounts = at.lockstep.repository(account);
  const { modern } = at.stores;
  const value = newAccount();
  await accounts.create(newAccount());
  const options = { operationId: `late-${value.id}` };
  let first: Sent | undefined;
  at.faults.modern.takeOutcomes = async (...given) => {
    const taken = await modern.takeOutcomes(...given);
    first ??= await accounts.create(value, options);
    return taken;
  };
  await at.lockstep.control.send('advance');
  expect(first).toBeDefined();
  await accounts.delete(value.id, { ack: 'both' });
  expect(await accounts.create(value, options)).toMatchObject({ version: first?.version });
  expect(await rowsOf(at, 'accounts', value.id)).toEqual([null, null]);
});

test('an operation that is undone while outcomes are copied for the last time is known as undone', async () => {
  const accounts = at.lockstep.repository(account);
  const { legacy, modern } = at.stores;
  const [value, late] = [newAccount(), newAccount()];
  const options = { operationId: `undone-${value.id}`, ack: 'both' } as const;
  await accounts.create(value, options);
  let isLate = false;
  at.faults.modern.takeOutcomes = async (...given) => {
    const taken = await modern.takeOutcomes(...given);
    const state = await legacy.readState(at.migration.name);
    if (!state?.open) await legacy.setOperationStatus([options.operationId], 'compensated');
    // So that something is left for the drain.
    else if (!isLate) await accounts.create(late, { ack: 'both' });
    isLate = true;
    return taken;
  };
  await at.lockstep.control.send('advance');
  Reflect.deleteProperty(at.faults.modern, 'takeOutcomes');
  expect(await entryIn(at, 'legacy', options.operationId)).toMatchObject({ status: 'compensated' });
  await expect(accounts.create(value, options)).rejects.toMatchObject({ code: 'Compensated' });
});

test('an update that the record of now would not take has the outcome that it had', async () => {
  const accounts = at.lockstep.repository(account);
  const value = newAccount();
  await accounts.create(value);
  const options = { operationId: `update-${value.id}` };
  const first = await accounts.update(value.id, { balance: '2.00' }, options);
  await drained(at);
  // As if somebody had written around Lockstep what no account can hold.
  for (const store of ['legacy', 'modern'] as const)
    await at.sql[store](`UPDATE accounts SET owner = '' WHERE id = ${value.id}`);
  expect(await accounts.update(value.id, { balance: '2.00' }, options)).toEqual(first);
  const refused = { operationId: `refused-${value.id}` };
  const refusing = () => accounts.update(value.id, { balance: '3.00' }, refused);
  await expect(refusing()).rejects.toMatchObject({ code: 'InvalidEntity' });
  // Nor does it take effect when it is sent again once the record would take it.
  for (const store of ['legacy', 'modern'] as const)
    await at.sql[store](`UPDATE accounts SET owner = 'Ada' WHERE id = ${value.id}`);
  await expect(refusing()).rejects.toMatchObject({ code: 'InvalidEntity' });
});

test('a transaction that is refused while the primary changes is decided by the new one, which knows it then', async () => {
  const accounts = at.lockstep.repository(bound);
  const value = newAccount({ balance: refusedByLegacy });
  const operationId = `refused-${value.id}`;
  const { legacy, modern } = at.stores;
  at.faults.legacy.decide = async (...given) => {
    Reflect.deleteProperty(at.faults.legacy, 'decide');
    await at.lockstep.control.send('advance');
    return await legacy.decide(...given);
  };
  const refused = { code: 'StoreRefused' };
  await expect(accounts.create(value, { operationId })).rejects.toMatchObject(refused);
  const { name } = at.migration;
  const key = transactionKey(operationId);
  expect(await legacy.decision(name, key)).toMatchObject({ decision: null });
  expect(await modern.decision(name, key)).toMatchObject({ decision: 'abort', ...refused });
  await expect(accounts.create(value, { operationId })).rejects.toMatchObject(refused);
  await at.lockstep.control.send('rollback');
  expect(await legacy.decision(name, key)).toMatchObject({ decision: 'abort', ...refused });
});

describe('after a restore of legacy, once the stores are equal again,', () => {
  const seeEachOther = () => exchangeMarks({ ...at, clock: new HybridClock() });
  const statusIn = async (store: StoreName, id: string) => (await entryIn(at, store, id))?.status;

  test('an operation whose outcome only the other store still has takes no effect a second time', async () => {
    await at.lockstep.control.send('advance');
    const accounts = at.lockstep.repository(account);
    const value = newAccount();
    const options = { operationId: `lost-${value.id}`, ack: 'both' } as const;
    const first = await accounts.create(value, options);
    const restore = await copyOfStore(at, 'legacy', tables);
    await at.lockstep.control.send('rollback');
    await accounts.delete(value.id, { ack: 'both' });
    await seeEachOther();
    await restore();
    expect(await statusIn('legacy', options.operationId)).toBeUndefined();
    await at.lockstep.reconciliation.run({ repair: true, from: 'modern' });
    expect(await accounts.create(value, options)).toMatchObject({ version: first.version });
    expect(await rowsOf(at, 'accounts', value.id)).toEqual([null, null]);
  });

  test('what it had begun as the primary is not open for ever in the secondary', async () => {
    const accounts = at.lockstep.repository(account);
    const [value, other] = [newAccount(), newAccount()];
    const ids = { known: `open-${value.id}`, unknown: `open-${other.id}` };
    await accounts.create(value, { operationId: ids.known, ack: 'both' });
    await accounts.create(other, { operationId: ids.unknown, ack: 'both' });
    await drained(at);
    const operations =
      at.stores.legacy.engine === 'postgresql' ? 'lockstep.operations' : 'lockstep_operations';
    const note = (status: string) =>
      at.sql.legacy(
        `UPDATE ${operations} SET status = '${status}' WHERE id IN ('${ids.known}', '${ids.unknown}')`,
      );
    await note('pending');
    const restore = await copyOfStore(at, 'legacy', tables);
    await note('completed');
    await at.lockstep.control.send('advance');
    const inModern = at.stores.modern.engine === 'postgresql' ? 'lockstep.operations' : 'lockstep_operations';
    // As if it had been pruned there.
    await at.sql.modern(`DELETE FROM ${inModern} WHERE id = '${ids.unknown}'`);
    await accounts.update(value.id, { owner: 'later' }, { ack: 'both' });
    await seeEachOther();
    await restore();
    expect(await statusIn('legacy', ids.known)).toBe('pending');
    await at.lockstep.reconciliation.run({ repair: true });
    for (const id of Object.values(ids)) expect(await statusIn('legacy', id)).toBe('completed');
    for (const row of await rowsOf(at, 'accounts', value.id)) expect(row).toMatchObject({ owner: 'later' });
  });
});
