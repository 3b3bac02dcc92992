import { expect, test } from 'vitest';
import { z } from 'zod';
import { setCapture } from '../../client/operator/capture.ts';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { rows } from '../../model/shape.ts';
import { flat, invoice, invoiceOf, normalized } from '../databases/entities.ts';
import { tables } from '../databases/tables.ts';
import { validate } from '../support/advance.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { entryIn } from '../support/inspect.ts';
import { until } from '../support/until.ts';

const rowsOf = (number: string) =>
  [1, 2].map((line) => `('${number}', '2026-01-01', 1, 'Ann', 'Here', ${line}, 'thing', 1)`);
const oddLine = "UPDATE invoice_rows SET issued = '2020-02-02' WHERE invoice_number = 'odd' AND line_no = 2";
const backInLine = "UPDATE invoice_rows SET issued = '2026-01-01' WHERE invoice_number = 'odd'";
const all = 'SELECT * FROM invoice_rows ORDER BY invoice_number, line_no';
const isLossy = { key: ['odd'], verdict: 'lossy', reason: expect.stringMatching(/invoice_rows\.issued$/) };

const known = ({ lockstep }: RunningMigration) => lockstep.reconciliation.differences(10);

test('a line that disagrees with its invoice is told by backfill and validation, and not overwritten', async () => {
  await using at = await runningMigration('dual-write', {
    entities: [invoice],
    tables: { legacy: tables.MariaDB, modern: tables.PostgreSQL },
  });
  const { control, repository } = at.lockstep;
  await at.sql.legacy(`INSERT INTO invoice_rows VALUES ${[...rowsOf('odd'), ...rowsOf('plain')].join(', ')}`);
  await at.sql.legacy(oddLine);
  await control.send('advance');
  await until('the backfill is done', async () => (await control.status()).backfill?.done);
  expect((await control.status()).backfill).toMatchObject({ copied: 2, refused: 0 });
  expect(await known(at)).toMatchObject([isLossy]);
  expect(await validate(control)).toMatchObject({ evidence: { differences: 1, compared: 2 } });
  expect(await known(at)).toMatchObject([isLossy]);
  expect(await at.lockstep.reconciliation.run({ repair: true })).toMatchObject({ repaired: 0 });

  const before = await at.sql.legacy(all);
  const invoices = repository(invoice);
  const whole = (await invoices.get('odd'))?.value;
  if (!whole) throw new Error('an invoice that loses something is read nevertheless');
  const refusal = {
    code: 'LossyShape',
    message: expect.stringMatching(/^invoice: the legacy store has more/),
  };
  for (const write of [
    () => invoices.update('odd', { issued: '2026-03-03' }),
    () => invoices.replace(whole),
    () => invoices.delete('odd'),
  ])
    await expect(write()).rejects.toMatchObject(refusal);
  const operationId = 'twice';
  for (let sent = 1; sent <= 2; sent++)
    await expect(invoices.delete('odd', { operationId })).rejects.toMatchObject(refusal);
  // Beside others in a group, too.
  const group = await Promise.allSettled([
    ...['a', 'b', 'c'].map((number) => invoices.create({ ...whole, number })),
    invoices.delete('odd'),
    invoices.update('plain', { issued: '2026-03-03' }),
  ]);
  expect(group.map(({ status }) => status)).toEqual([...Array(3).fill('fulfilled'), 'rejected', 'fulfilled']);
  const others = "invoice_number = 'odd'";
  expect(await at.sql.legacy(all.replace('ORDER', `WHERE ${others} ORDER`))).toEqual(before.slice(0, 2));

  await at.sql.legacy(backInLine);
  await invoices.update('odd', { issued: '2026-03-03' }, { ack: 'both' });
  expect(await validate(control)).toMatchObject({ evidence: { differences: 0 } });
  expect(await known(at)).toEqual([]);
});

test('what the secondary has beyond its shape is erased by no write, repair or capture', async () => {
  const both = invoiceOf(flat(), flat());
  await using at = await runningMigration('dual-write', {
    entities: [both],
    tables: { legacy: tables.MariaDB, modern: tables.PostgreSQL },
  });
  const { control, reconciliation, repository } = at.lockstep;
  await at.sql.legacy(`INSERT INTO invoice_rows VALUES ${rowsOf('odd').join(', ')}`);
  await control.send('advance');
  await until('the backfill is done', async () => (await control.status()).backfill?.done);
  await at.sql.modern(oddLine);
  const before = await at.sql.modern(all);
  expect(await validate(control)).toMatchObject({ evidence: { differences: 1 } });
  expect(await known(at)).toMatchObject([isLossy]);
  expect(await reconciliation.run({ repair: true })).toMatchObject({ repaired: 0 });
  expect(await at.sql.modern(all)).toEqual(before);

  await setCapture(at.temporal, at.migration, at.environment, true);
  await at.sql.legacy("UPDATE invoice_rows SET product = 'other' WHERE line_no = 1");
  await at.temporal.schedule.getHandle(`replicate-captured/${at.migration.name}`).trigger();
  await until('no mark is left', async () => (await at.stores.legacy.captured(1)).length === 0);
  await setCapture(at.temporal, at.migration, at.environment, false);
  expect(await known(at)).toMatchObject([isLossy]);
  expect(await at.sql.modern(all)).toEqual(before);

  const operationId = 'over-an-odd-line';
  await repository(both).update('odd', { issued: '2026-03-03' }, { operationId, ack: 'primary' });
  await until('it is parked', async () => (await entryIn(at, 'legacy', operationId))?.status === 'parked');
  await until('it is parked', async () => (await control.writeStatus(operationId)).stage === 'parked');
  expect((await control.writeStatus(operationId)).reason).toMatch(/the modern store has more of the record/);
  expect(await at.sql.modern(all)).toEqual(before);

  await at.sql.modern(backInLine);
  await control.resolve(operationId, 'retry');
  await until('both have it', async () => (await entryIn(at, 'legacy', operationId))?.status === 'completed');
  expect(await validate(control)).toMatchObject({ evidence: { differences: 0 } });
  expect(await at.sql.modern(all)).toEqual(await at.sql.legacy(all));
});

test('rows of a child table that no record has are told by a comparison of all keys, until they have one', async () => {
  interface Order {
    id: number;
    lines: { no: number }[];
  }
  const shape = () =>
    rows<Order, { heads: { id: number }[]; items: { order_id: number; no: number }[] }>({
      tables: { heads: { key: ['id'] }, items: { key: ['order_id'], identity: ['order_id', 'no'] } },
      toRows: ({ id, lines }) => ({ heads: [{ id }], items: lines.map(({ no }) => ({ order_id: id, no })) }),
      fromRows: ({ heads: [head], items }) => ({ id: head?.id ?? 0, lines: items.map(({ no }) => ({ no })) }),
    });
  const order = entity({
    name: 'order',
    schema: z.custom<Order>(),
    fields: { id: field.integer(), lines: field.list({ by: ['no'], fields: { no: field.integer() } }) },
    key: 'id',
    legacy: shape(),
    modern: shape(),
  });
  const made = [
    'CREATE TABLE heads (id INTEGER PRIMARY KEY)',
    'CREATE TABLE items (order_id INTEGER NOT NULL, no INTEGER NOT NULL, PRIMARY KEY (order_id, no))',
  ];
  await using at = await runningMigration('dual-write', {
    entities: [order],
    tables: { legacy: made, modern: made },
  });
  const { control } = at.lockstep;
  await at.sql.legacy('INSERT INTO heads VALUES (1)');
  await at.sql.legacy('INSERT INTO items VALUES (1, 1), (7, 1), (7, 2)');
  await control.send('advance');
  await until('the backfill is done', async () => (await control.status()).backfill?.done);
  const told = {
    key: ['7'],
    verdict: 'lossy',
    reason: 'in the primary, rows of items stand without one of heads',
  };
  for (let time = 1; time <= 2; time++) {
    expect(await validate(control)).toMatchObject({ evidence: { differences: 1, compared: 2 } });
    expect(await known(at)).toMatchObject([told]);
  }
  await at.sql.legacy('DELETE FROM items WHERE order_id = 7');
  expect(await validate(control)).toMatchObject({ evidence: { differences: 0, compared: 1 } });
  expect(await known(at)).toEqual([]);
});

test('a transaction over a record that loses something writes nothing', async () => {
  const bound = { ...invoiceOf(flat(), normalized()), pattern: 'transactional' as const };
  await using at = await runningMigration('legacy-only', {
    entities: [bound],
    tables: { legacy: tables.MariaDB, modern: tables.PostgreSQL },
  });
  await at.sql.legacy(`INSERT INTO invoice_rows VALUES ${[...rowsOf('odd'), ...rowsOf('plain')].join(', ')}`);
  await at.sql.legacy(oddLine);
  const before = await at.sql.legacy(all);
  const patch = { issued: '2026-03-03' };
  await expect(
    at.lockstep.transaction((tx) => [tx(bound).update('odd', patch), tx(bound).update('plain', patch)]),
  ).rejects.toMatchObject({ code: 'LossyShape' });
  await expect(
    at.lockstep.transaction((tx) => [tx(bound).update('plain', patch), tx(bound).delete('odd')]),
  ).rejects.toMatchObject({ code: 'LossyShape' });
  expect(await at.sql.legacy(all)).toEqual(before);
});
