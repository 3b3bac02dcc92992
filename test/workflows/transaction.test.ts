import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RepositoryOf } from '../../client/service/repository.ts';
import type { TransactionItem } from '../../client/service/transaction.ts';
import type { TransactionScope } from '../../client/service/transaction-writer.ts';
import { definitionDigest } from '../../model/definition.ts';
import { keyOf } from '../../model/entity.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { imageOf } from '../../model/field.ts';
import { tokenOf } from '../../model/token.ts';
import type { TransactionInput } from '../../model/transaction.ts';
import { transactionWorkflowId } from '../../workflows/messages.ts';
import { bound, ledger, newAccount, refusedByLegacy, refusedByModern } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { entryIn, rowsOf, storedIn, versionsOf } from '../support/inspect.ts';
import { inDoubtIn, transactionalFixture } from '../support/transactions.ts';
import { until } from '../support/until.ts';

const stores: readonly StoreName[] = ['legacy', 'modern'];

describe.each(['mysql', 'postgresql'] as const)('with legacy on %s', (from) => {
  let at: RunningMigration;
  let accounts: RepositoryOf<typeof bound>;
  let ledgers: RepositoryOf<typeof ledger>;
  beforeAll(async () => {
    at = await runningMigration('dual-write', { from, ...transactionalFixture });
    accounts = at.lockstep.repository(bound);
    ledgers = at.lockstep.repository(ledger);
  });
  afterAll(() => at?.[Symbol.asyncDispose]());

  const refusals: [StoreName, string][] = [
    ['legacy', refusedByLegacy],
    ['modern', refusedByModern],
  ];

  test('all of it is in both stores when the caller is answered', async () => {
    const [first, second, third] = [newAccount(), newAccount(), newAccount()];
    await accounts.create(first);
    await ledgers.create(third);
    const { versions, tokens } = await at.lockstep.transaction((tx) => [
      tx(bound).update(first.id, { owner: 'changed' }),
      tx(ledger).create(second),
      tx(ledger).delete(third.id),
    ]);
    for (const row of await rowsOf(at, 'bound', first.id)) expect(row).toMatchObject({ owner: 'changed' });
    for (const row of await rowsOf(at, 'ledgers', second.id))
      expect(row).toMatchObject({ owner: second.owner });
    expect(await rowsOf(at, 'ledgers', third.id)).toEqual([null, null]);
    expect(await versionsOf(at, bound, first.id)).toEqual([versions?.[0], versions?.[0]]);
    expect(await versionsOf(at, ledger, second.id)).toEqual([versions?.[1], versions?.[1]]);
    expect(await versionsOf(at, ledger, third.id)).toEqual([versions?.[2], versions?.[2]]);
    const [, atLeast = tokenOf('0')] = tokens;
    expect((await ledgers.get(second.id, { atLeast }))?.value).toEqual(second);
    for (const store of stores) {
      expect((await storedIn(at, store, bound, first.id)).digest).not.toBeNull();
    }
    expect(await inDoubtIn(at)).toEqual([]);
  });

  test('one that lay for as long as its record may have been pruned is not begun', async () => {
    const value = newAccount();
    const image = imageOf(bound.fields, value, 'bound');
    const id = `forgotten-${value.id}`;
    const { name, taskQueue } = at.migration;
    const { epoch } = await at.lockstep.control.status();
    const input: TransactionInput = {
      migration: name,
      transaction: {
        id,
        operations: [
          {
            id,
            entity: 'bound',
            kind: 'create',
            key: keyOf(bound, image),
            image,
            definition: definitionDigest(bound),
            proposed: '1',
            expectedVersion: null,
          },
        ],
      },
      ack: 'both',
      route: { epoch, primary: 'legacy', secondary: 'modern' },
      policy: { primaryGiveUpMs: 20_000, journalRetentionMs: 10 },
    };
    // As if no worker had come for it in all that time.
    const lain = at.temporal.workflow.execute('transaction', {
      workflowId: transactionWorkflowId(name, id),
      taskQueue,
      args: [input],
      startDelay: '1s',
    });
    await expect(lain).rejects.toMatchObject({ cause: { type: 'OutcomeUnknown' } });
    expect(await rowsOf(at, 'bound', value.id)).toEqual([null, null]);
  });

  test('a write of its own is a transaction of one', async () => {
    const value = newAccount();
    const { version, operationId } = await accounts.create(value);
    expect(await versionsOf(at, bound, value.id)).toEqual([version, version]);
    for (const store of stores) {
      expect(await entryIn(at, store, operationId)).toMatchObject({ status: 'completed', version });
    }
    await accounts.delete(value.id);
    expect(await rowsOf(at, 'bound', value.id)).toEqual([null, null]);
  });

  test.each(refusals)(
    'what %s refuses is in neither store, with all that came with it',
    async (store, balance) => {
      const [good, bad] = [newAccount(), newAccount({ balance })];
      const operationId = randomUUID();
      const items = (tx: TransactionScope) => [tx(ledger).create(good), tx(bound).create(bad)];
      const failure = await at.lockstep.transaction(items, { operationId }).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(LockstepError);
      expect(failure).toMatchObject({ code: 'StoreRefused', message: expect.stringContaining(store) });
      expect(String(failure)).not.toContain(balance);
      expect(await rowsOf(at, 'ledgers', good.id)).toEqual([null, null]);
      expect(await rowsOf(at, 'bound', bad.id)).toEqual([null, null]);
      expect(await inDoubtIn(at)).toEqual([]);
      await expect(at.lockstep.transaction(items, { operationId })).rejects.toMatchObject({
        code: 'StoreRefused',
        message: (failure as Error).message,
      });
      await ledgers.create(good);
    },
  );

  test('a refusal is final, also when its reason is gone', async () => {
    const [value, other] = [newAccount(), newAccount()];
    const operationId = randomUUID();
    const items = (tx: TransactionScope) => [
      tx(ledger).create(other),
      tx(bound).update(value.id, { owner: 'late' }),
    ];
    await expect(at.lockstep.transaction(items, { operationId })).rejects.toMatchObject({
      code: 'NotFound',
    });
    await accounts.create(value);
    await expect(at.lockstep.transaction(items, { operationId })).rejects.toMatchObject({
      code: 'NotFound',
    });
    for (const row of await rowsOf(at, 'bound', value.id)) expect(row).toMatchObject({ owner: value.owner });
    expect(await rowsOf(at, 'ledgers', other.id)).toEqual([null, null]);
  });

  test('an expected version holds for the whole of it', async () => {
    const [value, other] = [newAccount(), newAccount()];
    const { token } = await accounts.create(value);
    await accounts.update(value.id, { owner: 'second' });
    await expect(
      at.lockstep.transaction((tx) => [
        tx(ledger).create(other),
        tx(bound).update(value.id, { owner: 'third' }, { ifUnchangedSince: token }),
      ]),
    ).rejects.toMatchObject({ code: 'VersionConflict' });
    expect(await rowsOf(at, 'ledgers', other.id)).toEqual([null, null]);
    for (const row of await rowsOf(at, 'bound', value.id)) expect(row).toMatchObject({ owner: 'second' });
  });

  test('the same operation id has one effect and one receipt, at once and later', async () => {
    const value = newAccount();
    await accounts.create(value);
    const operationId = randomUUID();
    const send = () =>
      at.lockstep.transaction(
        (tx) => [tx(bound).update(value.id, { owner: 'once' }), tx(ledger).create(value)],
        {
          operationId,
        },
      );
    const [first, second] = await Promise.all([send(), send()]);
    expect(second).toEqual(first);
    await accounts.update(value.id, { owner: 'later' });
    await ledgers.delete(value.id);
    expect(await send()).toEqual(first);
    for (const row of await rowsOf(at, 'bound', value.id)) expect(row).toMatchObject({ owner: 'later' });
    expect(await rowsOf(at, 'ledgers', value.id)).toEqual([null, null]);
  });

  test('an operation id that another write used is refused', async () => {
    const [value, other] = [newAccount(), newAccount()];
    const { operationId } = await accounts.create(value);
    const send = (items: (tx: TransactionScope) => readonly TransactionItem[]) =>
      at.lockstep.transaction(items, { operationId });
    const taken = { code: 'OperationIdTaken', details: { operationId } };
    await expect(
      send((tx) => [tx(bound).create(newAccount()), tx(ledger).create(other)]),
    ).rejects.toMatchObject(taken);
    await expect(send((tx) => [tx(bound).create(value), tx(ledger).create(other)])).rejects.toMatchObject(
      taken,
    );
    await expect(send((tx) => [tx(bound).update(value.id, { owner: 'other' })])).rejects.toMatchObject(taken);
    await expect(send((tx) => [tx(bound).create(value)])).resolves.toMatchObject({ operationId });
    expect(await rowsOf(at, 'ledgers', other.id)).toEqual([null, null]);
    for (const row of await rowsOf(at, 'bound', value.id)) expect(row).toMatchObject({ owner: value.owner });
  });

  test('an operation id that a longer transaction used is refused', async () => {
    const [value, other] = [newAccount(), newAccount()];
    const operationId = randomUUID();
    const whole = (tx: TransactionScope) => [tx(bound).create(value), tx(ledger).create(other)];
    const receipt = await at.lockstep.transaction(whole, { operationId });
    await expect(
      at.lockstep.transaction((tx) => [tx(bound).create(value)], { operationId }),
    ).rejects.toMatchObject({ code: 'OperationIdTaken' });
    expect(await at.lockstep.transaction(whole, { operationId })).toEqual(receipt);
  });

  test.each(['with', 'without'] as const)(
    'a repeat is what it was, %s its decision, where nobody can read an entry of it',
    async (kept) => {
      const [value, other] = [newAccount(), newAccount()];
      const operationId = randomUUID();
      const send = () =>
        at.lockstep.transaction((tx) => [tx(bound).create(value), tx(ledger).create(other)], { operationId });
      const { versions } = await send();
      const control = (table: string) => (from === 'mysql' ? `lockstep_${table}` : `lockstep.${table}`);
      for (const change of ["record_key = 'no key'", "kind = 'none'", "refusal = '{'"]) {
        await at.sql.legacy(`UPDATE ${control('operations')} SET ${change} WHERE id = '${operationId}'`);
        if (kept === 'without') await at.sql.legacy(`DELETE FROM ${control('decisions')}`);
        expect([change, (await send()).versions]).toEqual([change, versions]);
      }
    },
  );

  test('an operation id is refused while the transaction that has it goes on', async () => {
    const [value, other] = [newAccount(), newAccount()];
    await accounts.create(value);
    const held = await at.another('legacy');
    await held.rows('BEGIN');
    await held.rows(`UPDATE bound SET owner = 'held' WHERE id = ${value.id}`);
    const operationId = randomUUID();
    const change = (tx: TransactionScope) => [tx(bound).update(value.id, { owner: 'changed' })];
    const going = at.lockstep.transaction(change, { operationId });
    const workflow = at.temporal.workflow.getHandle(transactionWorkflowId(at.migration.name, operationId));
    await until('its workflow goes on', async () => (await workflow.describe().catch(() => null)) !== null);
    for (const ack of ['primary', 'recorded'] as const) {
      await expect(
        at.lockstep.transaction((tx) => [tx(ledger).create(other)], { operationId, ack }),
      ).rejects.toMatchObject({ code: 'OperationIdTaken' });
    }
    await held.rows('ROLLBACK');
    expect(await going).toMatchObject({ operationId });
    expect(await rowsOf(at, 'ledgers', other.id)).toEqual([null, null]);
  });

  test('two over the same records in opposite order end, and agree', async () => {
    const [one, two] = [newAccount(), newAccount()];
    await at.lockstep.transaction((tx) => [tx(bound).create(one), tx(ledger).create(two)]);
    const forth = (turn: number) =>
      at.lockstep.transaction((tx) => [
        tx(bound).update(one.id, { owner: `forth ${turn}` }),
        tx(ledger).update(two.id, { owner: `forth ${turn}` }),
      ]);
    const back = (turn: number) =>
      at.lockstep.transaction((tx) => [
        tx(ledger).update(two.id, { owner: `back ${turn}` }),
        tx(bound).update(one.id, { owner: `back ${turn}` }),
      ]);
    const started = performance.now();
    await Promise.all(Array.from({ length: 10 }, (_, turn) => [forth(turn), back(turn)]).flat());
    // No wait for a lock ran into the servers' timeouts, which are three times as long.
    expect(performance.now() - started).toBeLessThan(30_000);
    const [legacy, modern] = await rowsOf(at, 'bound', one.id);
    expect(legacy).toEqual(modern);
    for (const row of await rowsOf(at, 'ledgers', two.id))
      expect(row).toMatchObject({ owner: legacy?.owner });
    const [version, same] = await versionsOf(at, bound, one.id);
    expect(version).toBe(same);
  });
});

test.each(['legacy-only', 'modern-only'] as const)(
  'in %s it is a transaction of one store',
  async (phase) => {
    await using at = await runningMigration(phase, transactionalFixture);
    const [one, two] = [newAccount(), newAccount()];
    const operationId = randomUUID();
    const items = (tx: TransactionScope) => [tx(bound).create(one), tx(ledger).create(two)];
    const first = await at.lockstep.transaction(items, { operationId });
    expect(await at.lockstep.transaction(items, { operationId })).toEqual(first);
    await expect(
      at.lockstep.transaction((tx) => [tx(bound).delete(one.id), tx(ledger).create(two)]),
    ).rejects.toMatchObject({ code: 'AlreadyExists' });
    const there = expect.objectContaining({ owner: one.owner });
    expect(await rowsOf(at, 'bound', one.id)).toEqual(
      phase === 'legacy-only' ? [there, null] : [null, there],
    );
  },
);

test('the secondary gets what the primary had before, and versions go above both', async () => {
  await using at = await runningMigration('dual-write', transactionalFixture);
  const accounts = at.lockstep.repository(bound);
  const value = newAccount();
  await at.sql.legacy(`INSERT INTO bound VALUES (${value.id}, 'old', NULL, 1)`);
  await at.sql.modern(
    `INSERT INTO lockstep.records (entity, record_key, version, deleted) VALUES ('bound', '["${value.id}"]', 9000000000000000000, true)`,
  );
  const { version } = await accounts.update(value.id, { balance: '2.00' });
  expect(version).toBe('9000000000000000001');
  for (const row of await rowsOf(at, 'bound', value.id))
    expect(row).toMatchObject({ owner: 'old', balance: '2.00' });
  expect(await versionsOf(at, bound, value.id)).toEqual([version, version]);
});
