import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StoreName } from '../../model/failure.ts';
import { searchAttributes, writeWorkflowId } from '../../workflows/messages.ts';
import { invoice } from '../databases/entities.ts';
import { tables } from '../databases/tables.ts';
import { type Account, account, newAccount } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { rowsOf, versionsOf } from '../support/inspect.ts';

interface Tamper {
  readonly what: string;
  readonly sql: (id: number) => string;
  readonly verdict: string;
  readonly why: string;
}

const tampers: readonly Tamper[] = [
  {
    what: 'changed',
    sql: (id) => `UPDATE accounts SET owner = 'intruder' WHERE id = ${id}`,
    verdict: 'mismatch',
    why: 'fields owner',
  },
  {
    what: 'removed',
    sql: (id) => `DELETE FROM accounts WHERE id = ${id}`,
    verdict: 'missing',
    why: 'is gone',
  },
];
const cases = (['legacy', 'modern'] as const).flatMap((store) =>
  tampers.map((tamper) => ({ store, ...tamper })),
);

describe.each(['mysql', 'postgresql'] as const)('with legacy on %s', (from) => {
  let at: RunningMigration;
  beforeAll(async () => {
    at = await runningMigration('dual-write', {
      from,
      postWriteValidation: { share: 1, delayMs: 0 },
      validation: { recheckDelayMs: 20 },
    });
  });
  afterAll(() => at?.[Symbol.asyncDispose]());

  test.each(cases)(
    'a row that was $what in $store is found, and the store is named',
    async ({ store, sql, verdict, why }) => {
      const { value, operationId } = await looked(at, async (id) => at.sql[store](sql(id)));
      const [difference] = await differencesOf(at, value.id);
      expect(difference).toMatchObject({ entity: 'account', verdict });
      expect(difference?.reason).toContain(`the ${store} store's row`);
      expect(difference?.reason).toContain(why);
      expect(JSON.stringify(difference?.reason)).not.toContain('intruder');
      expect(await shownOf(at, operationId)).toMatchObject({
        details: expect.stringContaining(`**${verdict}** in ${store}`),
        state: ['differs'],
      });
      // What was found is told, and left alone.
      const rows = await rowsOf(at, 'accounts', value.id);
      expect(rows[store === 'legacy' ? 1 : 0]).toMatchObject({ owner: value.owner });
      expect(rows[store === 'legacy' ? 0 : 1]?.owner).not.toBe(value.owner);
    },
  );

  test.each<[StoreName]>([['legacy'], ['modern']])(
    'a deleted row that came back in %s is found',
    async (store) => {
      const value = newAccount();
      const accounts = at.lockstep.repository(account);
      await accounts.create(value);
      await looked(
        at,
        () => at.sql[store](`INSERT INTO accounts VALUES (${value.id}, 'back', NULL, 1.00)`),
        () => accounts.delete(value.id, { ack: 'both' }),
      );
      expect(await differencesOf(at, value.id)).toMatchObject([
        { verdict: 'extra', reason: expect.stringContaining(`the ${store} store's row is there`) },
      ]);
    },
  );

  test('a record that was set back is told as stale in its store', async () => {
    const control = from === 'mysql' ? 'lockstep.records' : 'lockstep_records';
    const { value } = await looked(at, (id) =>
      at.sql.modern(`UPDATE ${control} SET version = version - 1 WHERE record_key = '["${id}"]'`),
    );
    expect(await differencesOf(at, value.id)).toMatchObject([
      { verdict: 'stale', reason: 'the modern store has an older version' },
    ]);
  });

  test('rows that were altered in both stores are told of both', async () => {
    const { value } = await looked(at, async (id) => {
      for (const store of ['legacy', 'modern'] as const)
        await at.sql[store](`UPDATE accounts SET owner = 'intruder' WHERE id = ${id}`);
    });
    const [difference] = await differencesOf(at, value.id);
    for (const store of ['legacy', 'modern'])
      expect(difference?.reason).toContain(`the ${store} store's row`);
  });

  test('what is as it was written is not told of, neither is a newer write that is under way', async () => {
    const accounts = at.lockstep.repository(account);
    const { value, operationId } = await looked(at, async (id) => {
      await accounts.update(id, { owner: 'newer' }, { ack: 'both' });
    });
    expect(await differencesOf(at, value.id)).toEqual([]);
    expect(await shownOf(at, operationId)).toEqual({ details: '', state: [] });

    const held = Promise.withResolvers<void>();
    const late = await looked(at, async (id) => {
      at.faults.modern.write = async (...call) => {
        await held.promise;
        return await at.stores.modern.write(...call);
      };
      await accounts.update(id, { owner: 'on its way' });
    });
    delete at.faults.modern.write;
    held.resolve();
    expect(await differencesOf(at, late.value.id)).toEqual([]);
  });
});

describe.each(['mysql', 'postgresql'] as const)('with repair, and legacy on %s', (from) => {
  let at: RunningMigration;
  beforeAll(async () => {
    const settings = { postWriteValidation: { share: 1, delayMs: 0, repair: true } };
    at = await runningMigration('dual-write', { from, ...settings });
  });
  afterAll(() => at?.[Symbol.asyncDispose]());

  test.each(cases)(
    'a row that was $what in $store is put right from the other, under a newer version',
    async ({ store, sql, verdict }) => {
      const { value, version } = await looked(at, async (id) => at.sql[store](sql(id)));
      for (const row of await rowsOf(at, 'accounts', value.id))
        expect(row).toMatchObject({ owner: value.owner });
      const [legacy, modern] = await versionsOf(at, account, value.id);
      expect(legacy).toBe(modern);
      expect(BigInt(legacy ?? 0)).toBeGreaterThan(BigInt(version ?? 0));
      expect(await differencesOf(at, value.id)).toMatchObject([
        { verdict, reason: expect.stringContaining('repaired under a newer version') },
      ]);
    },
  );

  test.each<[StoreName]>([['legacy'], ['modern']])(
    'a deleted row that came back in %s is removed again',
    async (store) => {
      const value = newAccount();
      const accounts = at.lockstep.repository(account);
      await accounts.create(value, { ack: 'both' });
      await looked(
        at,
        () => at.sql[store](`INSERT INTO accounts VALUES (${value.id}, 'back', NULL, 1.00)`),
        () => accounts.delete(value.id, { ack: 'both' }),
      );
      expect(await rowsOf(at, 'accounts', value.id)).toEqual([null, null]);
      const [legacy, modern] = await versionsOf(at, account, value.id);
      expect(legacy).toBe(modern);
    },
  );

  test('rows that were altered in both stores are left for a person', async () => {
    const { value } = await looked(at, async (id) => {
      for (const store of ['legacy', 'modern'] as const)
        await at.sql[store](`UPDATE accounts SET owner = 'intruder' WHERE id = ${id}`);
    });
    for (const row of await rowsOf(at, 'accounts', value.id))
      expect(row).toMatchObject({ owner: 'intruder' });
  });
});

test('a record of several tables is held against its digest without what it shares', async () => {
  const settings = { postWriteValidation: { share: 1, delayMs: 0, repair: true } };
  const shapes = { entities: [invoice], tables: { legacy: tables.MariaDB, modern: tables.PostgreSQL } };
  await using at = await runningMigration('dual-write', { ...shapes, ...settings });
  const invoices = at.lockstep.repository(invoice);
  const value = (number: string, name: string) => ({
    number,
    issued: '2026-01-01',
    customer: { id: 1, name, city: null },
    lines: [
      { position: 1, product: 'thing', quantity: 1 },
      { position: 2, product: 'other', quantity: 2 },
    ],
  });
  const first = value('n1', 'Ann');
  const differences = async () => await at.stores.legacy.differences(at.migration.name, 10);
  // Another invoice brings the customer's new name before the first is read back.
  await looked(
    at,
    () => invoices.create(value('n2', 'Anne'), { ack: 'both' }),
    () => invoices.create(first, { ack: 'both' }),
  );
  expect(await differences()).toEqual([]);

  await looked(
    at,
    () => at.sql.modern(`DELETE FROM invoice_lines WHERE invoice_number = 'n1' AND position = 2`),
    () => invoices.update('n1', { issued: '2026-01-02' }, { ack: 'both' }),
  );
  expect(await differences()).toMatchObject([
    { key: ['n1'], verdict: 'mismatch', reason: expect.stringContaining('fields lines') },
  ]);
  const [healed] = await at.stores.modern.read(invoice, [['n1']]);
  expect(healed?.image).toMatchObject({
    issued: '2026-01-02',
    lines: [expect.anything(), expect.anything()],
  });
});

interface Looked {
  readonly value: Account;
  readonly operationId: string;
  readonly version: string | null;
}

/** Writes a record, does something to it before it is read back, and waits until it was. The caller is answered before. */
async function looked(
  at: RunningMigration,
  between: (id: number) => Promise<unknown>,
  write?: () => Promise<{ operationId: string; version: string | null }>,
): Promise<Looked> {
  const value = newAccount();
  const open = Promise.withResolvers<void>();
  // Nothing on the way of a write asks a store for its state, but looking back does.
  at.faults.modern.readState = async (name) => {
    await open.promise;
    return await at.stores.modern.readState(name);
  };
  try {
    const create = () => at.lockstep.repository(account).create(value, { ack: 'both' });
    const { operationId, version } = await (write ?? create)();
    await between(value.id);
    open.resolve();
    delete at.faults.modern.readState;
    await at.temporal.workflow.getHandle(writeWorkflowId(at.migration.name, operationId)).result();
    return { value, operationId, version };
  } finally {
    open.resolve();
    delete at.faults.modern.readState;
  }
}

async function differencesOf(at: RunningMigration, id: number) {
  const found = await at.stores.legacy.differences(at.migration.name, 1_000);
  return found.filter(({ key }) => key[0] === String(id));
}

/** What Temporal's UI says of a write. */
async function shownOf(at: RunningMigration, operationId: string) {
  const handle = at.temporal.workflow.getHandle(writeWorkflowId(at.migration.name, operationId));
  const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  const { searchAttributes: found } = await handle.describe();
  return { details: metadata.currentDetails ?? '', state: found?.[searchAttributes.state] ?? [] };
}
