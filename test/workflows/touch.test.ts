import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openTransaction } from '../../client/service/caller-transaction.ts';
import { LockstepError } from '../../model/failure.ts';
import { type Phase, routes } from '../../model/phase.ts';
import { type Caller, caller } from '../databases/caller.ts';
import { invoice, slot } from '../databases/entities.ts';
import { tables } from '../databases/tables.ts';
import { account, createAccounts, newAccount } from '../support/accounts.ts';
import { validate } from '../support/advance.ts';
import { bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, entryIn, rowsOf, storedIn, versionsOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';

const named = (all: readonly string[], names: RegExp) =>
  all.filter((statement) => names.test(statement) && !statement.includes('_by_customer'));
const invoiceTables = /TABLE (customers|invoices|invoice_lines|invoice_rows) /;

describe.each([
  { from: 'mysql', legacy: tables.MariaDB, modern: tables.PostgreSQL },
  { from: 'postgresql', legacy: tables.PostgreSQL, modern: tables.MariaDB },
] as const)('touch, migrating from $from', ({ from, legacy, modern }) => {
  let at: RunningMigration;
  let service: Caller;
  let other: Caller;
  beforeAll(async () => {
    at = await runningMigration('switch-reads', {
      from,
      entities: [account, invoice],
      tables: {
        legacy: [createAccounts('accounts', 'legacy'), ...named(legacy, invoiceTables)],
        modern: [createAccounts('accounts', 'modern'), ...named(modern, invoiceTables)],
      },
    });
  });
  beforeEach(async () => {
    service = await caller(at.environment.LOCKSTEP_LEGACY_URL ?? '');
    other = await caller(at.environment.LOCKSTEP_MODERN_URL ?? '');
  });
  afterEach(async () => {
    await service[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    await drained(at);
  });
  afterAll(() => at?.[Symbol.asyncDispose]());

  const insert = (id: number, owner: string, balance = '1.00') =>
    `INSERT INTO accounts (id, owner, balance) VALUES (${id}, '${owner}', ${balance})`;
  const owners = async (id: number) => (await rowsOf(at, 'accounts', id)).map((row) => row?.owner ?? null);
  const inPhase = async (phase: Phase) => {
    await bringTo(at.lockstep, phase);
    // A service may go by the route from before for a moment.
    await until('the service knows', async () => (await at.lockstep.primary()) === routes[phase].primary);
  };
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'none',
      (error: unknown) => (error instanceof LockstepError ? error.code : String(error)),
    );

  /** The service's own SQL, with a touch before or after it. */
  async function committed(ids: readonly number[], statements: readonly string[], first = false) {
    await service.sql('BEGIN');
    if (first) await at.lockstep.touch(service.tx, account, ids);
    for (const statement of statements) await service.sql(statement);
    const touched = first ? null : await at.lockstep.touch(service.tx, account, ids);
    await service.sql('COMMIT');
    return touched;
  }

  test('what a transaction inserts, changes and deletes reaches the other store, touched before or after', async () => {
    await inPhase('switch-reads');
    for (const first of [true, false]) {
      const [inserted, changed, deleted] = [newAccount(), newAccount(), newAccount()];
      for (const value of [changed, deleted])
        await at.lockstep.repository(account).create(value, { ack: 'both' });
      const [before] = await versionsOf(at, account, changed.id);
      await committed(
        [inserted.id, changed.id, deleted.id],
        [
          insert(inserted.id, 'inserted'),
          `UPDATE accounts SET owner = 'changed', balance = balance + 1 WHERE id = ${changed.id}`,
          `DELETE FROM accounts WHERE id = ${deleted.id}`,
        ],
        first,
      );
      await drained(at);
      expect(await owners(inserted.id)).toEqual(['inserted', 'inserted']);
      expect(await owners(changed.id)).toEqual(['changed', 'changed']);
      expect(await owners(deleted.id)).toEqual([null, null]);
      for (const store of ['legacy', 'modern'] as const)
        expect(await storedIn(at, store, account, deleted.id)).toMatchObject({ deleted: true });
      const [primary, secondary] = await versionsOf(at, account, changed.id);
      expect(primary).toBe(secondary);
      expect(BigInt(primary ?? 0) > BigInt(before ?? 0)).toBe(true);
    }
    expect(await at.lockstep.reconciliation.run()).toMatchObject({ found: 0 });
  });

  test('a transaction that is rolled back has touched nothing', async () => {
    await inPhase('switch-reads');
    const { id } = newAccount();
    await service.sql('BEGIN');
    await service.sql(insert(id, 'aborted'));
    await at.lockstep.touch(service.tx, account, id);
    await service.sql('ROLLBACK');
    expect(await versionsOf(at, account, id)).toEqual(['0', '0']);
    expect(await owners(id)).toEqual([null, null]);
  });

  test('tells which keys have no row yet, and gives a token for reads that must see it', async () => {
    await inPhase('switch-reads');
    const [first, second, never] = [newAccount().id, newAccount().id, newAccount().id];
    await service.sql('BEGIN');
    await service.sql(insert(first, 'first'));
    const early = await at.lockstep.touch(service.tx, account, [never, second, first, second]);
    expect(early.absent.toSorted()).toEqual([second, never].toSorted());
    await service.sql(insert(second, 'second'));
    const { token, absent } = await at.lockstep.touch(service.tx, account, second);
    expect(absent).toEqual([]);
    await service.sql('COMMIT');
    const accounts = at.lockstep.repository(account);
    expect((await accounts.get(second, { atLeast: token }))?.value.owner).toBe('second');
    expect((await accounts.get(first, { atLeast: early.token }))?.value.owner).toBe('first');
    expect(await accounts.get(never, { atLeast: early.token })).toBeNull();
    await drained(at);
    expect(await owners(second)).toEqual(['second', 'second']);
    for (const store of ['legacy', 'modern'] as const)
      expect(await storedIn(at, store, account, never)).toMatchObject({ deleted: true, image: null });
  });

  test('every mistake has an answer of its own, and nothing is touched', async () => {
    await inPhase('switch-reads');
    const { touch } = at.lockstep;
    const { id } = newAccount();
    const query = (on: Caller) => (sql: string, parameters: unknown[]) => on.query(sql, parameters);
    // The types know some of these already.
    const wrong = [{}, null, 'no number', [null]] as unknown as number[];
    for (const key of wrong) expect(await codeOf(touch(service.tx, account, key))).toBe('InvalidKey');
    expect(await codeOf(touch(service.tx, account, []))).toBe('InvalidKey');
    const many = Array.from({ length: 1_001 }, (_, n) => n + 1);
    expect(await codeOf(touch(service.tx, account, many))).toBe('TooLarge');
    expect(await codeOf(touch(service.tx, slot, { region: 'north', number: 1n }))).toBe('UnknownEntity');
    expect(await codeOf(touch(service.tx, account, id))).toBe('NotInTransaction');
    expect(await codeOf(touch(query(service), account, id))).toBe('NotInTransaction');
    for (const tx of [other.tx, query(other)]) {
      await other.sql('BEGIN');
      expect(await codeOf(touch(tx, account, id))).toBe('NotPrimary');
      await other.sql('ROLLBACK');
    }
    await service.sql('BEGIN');
    for (const lost of [[], [{ affectedRows: 1 }]])
      expect(await codeOf(touch(() => Promise.resolve(lost), account, id))).toBe('InvalidTransaction');
    // As mappers' own transactions are, and what was forgotten to be passed.
    const mappers = [
      {},
      { execute: () => [], query: {} },
      { query: {} },
      { promise: 1 },
      null,
      undefined,
      'tx',
    ];
    for (const tx of mappers as unknown as Caller['tx'][]) {
      const error = touch(tx, account, id);
      expect(await codeOf(error)).toBe('InvalidTransaction');
      await expect(error).rejects.toThrow(
        /\((Object|null|undefined|string)\) runs no statement; pass a client of pg/,
      );
    }
    await service.sql('ROLLBACK');
    expect(await versionsOf(at, account, id)).toEqual(['0', '0']);
  });

  test('goes through whatever runs a statement, and wraps its results and errors', async () => {
    await inPhase('switch-reads');
    const { id } = newAccount();
    const mapped = async (sql: string, parameters: unknown[]) => {
      try {
        return { rows: await service.query(sql, parameters) };
      } catch (cause) {
        throw new Error('a mapper says so', { cause });
      }
    };
    expect(await codeOf(at.lockstep.touch(mapped, account, id))).toBe('NotInTransaction');
    await service.sql('BEGIN');
    await service.sql(insert(id, 'mapped'));
    expect((await at.lockstep.touch(mapped, account, id)).absent).toEqual([]);
    await service.sql('COMMIT');
    await drained(at);
    expect(await owners(id)).toEqual(['mapped', 'mapped']);
  });

  test('while the other store is away, transactions go on, and it has all of them when it is back', async () => {
    await inPhase('switch-reads');
    const { id } = newAccount();
    await at.proxies.modern.cut();
    await committed([id], [insert(id, 'away')]);
    await committed([id], [`UPDATE accounts SET balance = 7.00 WHERE id = ${id}`]);
    await at.proxies.modern.restore();
    await drained(at);
    expect((await rowsOf(at, 'accounts', id)).map((row) => row?.balance)).toEqual(['7.00', '7.00']);
  });

  test('what the other store refuses stays owed with its reason, until the row is mended', async () => {
    await inPhase('switch-reads');
    const { id } = newAccount();
    await committed([id], [insert(id, 'too rich', '5000.00')]);
    const refused = await until('it was tried', async () => {
      const [entry] = await at.lockstep.journal.list({ statuses: ['pending'], limit: 10 });
      return entry && entry.attempts > 0 && entry;
    });
    expect(refused).toMatchObject({ kind: 'touch', failure: 'StoreRefused' });
    expect(refused.reason).toContain('accounts_limit');
    await committed([id], [`UPDATE accounts SET balance = 5.00 WHERE id = ${id}`]);
    await until('it is there', async () => (await owners(id))[1] === 'too rich');
    await at.lockstep.journal.retry({ parked: false, olderThanMs: 0, ids: null });
    expect(await at.lockstep.journal.list({ statuses: ['pending', 'parked'], limit: 10 })).toEqual([]);
  });

  test('a shared record that the transaction has changed is changed in the other store', async () => {
    await inPhase('switch-reads');
    const invoices = at.lockstep.repository(invoice);
    await invoices.create(bill('T1', 'Bea', 7), { ack: 'both' });
    await invoices.create(bill('T2', 'Bea', 7), { ack: 'both' });
    await service.sql('BEGIN');
    await service.sql(`UPDATE invoice_rows SET customer_name = 'Beatrix' WHERE customer_id = 7`);
    await service.sql(`UPDATE invoice_rows SET quantity = 5 WHERE invoice_number = 'T1'`);
    await at.lockstep.touch(service.tx, invoice, 'T1');
    await service.sql('COMMIT');
    await drained(at);
    expect(await at.sql.modern(`SELECT name FROM customers WHERE id = 7`)).toEqual([{ name: 'Beatrix' }]);
    expect(await at.sql.modern(`SELECT quantity FROM invoice_lines WHERE invoice_number = 'T1'`)).toEqual([
      { quantity: '5' },
    ]);
    for (const number of ['T1', 'T2']) await invoices.delete(number, { ack: 'both' });
    expect(await at.lockstep.reconciliation.run()).toMatchObject({ found: 0 });
  });

  test('while nobody follows, a touched key gets a version, for whoever follows later', async () => {
    await inPhase('legacy-only');
    const [inserted, deleted] = [newAccount().id, newAccount().id];
    await at.sql.legacy(insert(deleted, 'before'));
    await committed(
      [inserted, deleted],
      [insert(inserted, 'alone'), `DELETE FROM accounts WHERE id = ${deleted}`],
    );
    await drained(at);
    expect(await storedIn(at, 'legacy', account, inserted)).toMatchObject({ digest: expect.any(String) });
    expect(await storedIn(at, 'legacy', account, deleted)).toMatchObject({ deleted: true });
    await inPhase('validate');
    expect(await owners(inserted)).toEqual(['alone', 'alone']);
    expect(await owners(deleted)).toEqual([null, null]);
  });

  test('a change of primary waits for open transactions, turns away later ones, and loses none', async () => {
    await inPhase('switch-reads');
    await at.lockstep.control.setReadPercent(100);
    await validate(at.lockstep.control);
    const { id } = newAccount();
    await service.sql('BEGIN');
    await service.sql(insert(id, 'in time'));
    await at.lockstep.touch(service.tx, account, id);
    const advancing = at.lockstep.control.send('advance');
    const committing = new Promise((resolve) => setTimeout(resolve, 500)).then(() => service.sql('COMMIT'));
    await Promise.all([advancing, committing]);
    expect(await owners(id)).toEqual(['in time', 'in time']);
    await service.sql('BEGIN');
    await service.sql(`UPDATE accounts SET owner = 'too late' WHERE id = ${id}`);
    expect(await codeOf(at.lockstep.touch(service.tx, account, id))).toBe('NotPrimary');
    await service.sql('ROLLBACK');
    expect(await at.lockstep.primary()).toBe('modern');
    await other.sql('BEGIN');
    await other.sql(`UPDATE accounts SET owner = 'after' WHERE id = ${id}`);
    await at.lockstep.touch(other.tx, account, id);
    await other.sql('COMMIT');
    await drained(at);
    expect(await owners(id)).toEqual(['after', 'after']);
    await inPhase('switch-reads');
    expect(await owners(id)).toEqual(['after', 'after']);
  });

  test('what no sweep has replicated is drained before the primary changes, shared records too', async () => {
    await inPhase('switch-reads');
    await at.lockstep.control.setReadPercent(100);
    await validate(at.lockstep.control);
    await at.lockstep.repository(invoice).create(bill('D1', 'Cleo', 8), { ack: 'both' });
    const sweep = at.temporal.workflow.getHandle(`replicate-owed/${at.migration.name}`);
    // There may never have been one.
    const isRunning = () =>
      sweep.describe().then(
        ({ status }) => status.name === 'RUNNING',
        () => false,
      );
    await until('no sweep runs', async () => !(await isRunning()));
    await service.sql('BEGIN');
    await service.sql(`UPDATE invoice_rows SET customer_name = 'Cleopatra' WHERE customer_id = 8`);
    // The statement alone: nobody asks for a sweep.
    const { epoch } = await at.lockstep.control.status();
    const fence = { migration: at.migration.name, epoch };
    const request = { keys: [['D1']], version: '1', id: 'touch-unseen', fence, mayBeSilent: false };
    await openTransaction(service.tx).run(await at.stores.legacy.touchStatement(invoice, request));
    await service.sql('COMMIT');
    await at.lockstep.control.send('advance');
    expect(await at.sql.modern('SELECT name FROM customers WHERE id = 8')).toEqual([{ name: 'Cleopatra' }]);
    expect(await entryIn(at, 'legacy', 'touch-unseen:1')).toBeNull();
  });
});

const bill = (number: string, name: string, customer: number) => ({
  number,
  issued: '2026-01-01',
  customer: { id: customer, name, city: null },
  lines: [{ position: 1, product: 'thing', quantity: 1 }],
});
