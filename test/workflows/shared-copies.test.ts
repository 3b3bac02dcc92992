import { expect, test } from 'vitest';
import { convergeKeys } from '../../activities/write/converge.ts';
import { invoice } from '../databases/entities.ts';
import { tables } from '../databases/tables.ts';
import { runningMigration } from '../support/harness.ts';
import { drained } from '../support/inspect.ts';

test('an old copy of a shared record is not sent with the version of the new one', async () => {
  await using at = await runningMigration('dual-write', {
    entities: [invoice],
    tables: { legacy: tables.MariaDB, modern: tables.PostgreSQL },
  });
  const invoices = at.lockstep.repository(invoice);
  const invoiceOf = (number: string, name: string) => ({
    number,
    issued: '2026-01-01',
    customer: { id: 9, name, city: null },
    lines: [{ position: 1, product: 'thing', quantity: 1 }],
  });
  await invoices.create(invoiceOf('a', 'Old'), { ack: 'both' });
  await at.proxies.modern.cut();
  await invoices.update('a', { issued: '2026-01-02' }, { ack: 'primary' });
  await invoices.create(invoiceOf('b', 'New'), { ack: 'primary' });
  // Around the proxies: the row of `a` has the old name still, and its customer the version of the new one.
  const { epoch } = await at.lockstep.control.status();
  await convergeKeys(at, invoice, [['a']], { epoch, primary: 'legacy', secondary: 'modern' });
  await at.proxies.modern.restore();
  await drained(at);
  expect(await at.sql.modern('SELECT name FROM customers WHERE id = 9')).toEqual([{ name: 'New' }]);
});
