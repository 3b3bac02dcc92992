import { account, newAccount } from '../../test/support/accounts.ts';
import type { RunningMigration } from '../../test/support/fixture.ts';
import { writeWorkflowId } from '../../workflows/messages.ts';
import type { Finding } from './fault.ts';
import { secret } from './unsound.ts';

/** Of a sound row of the journal, what somebody else has written in one column. */
const changes: readonly Readonly<Record<string, string>>[] = [
  { status: 'sleeping' },
  { record_key: secret },
  { record_key: `["${secret}` },
  { record_key: '{}' },
  { record_key: '[7]' },
  { version: '-5' },
  { refusal: `{${secret}` },
  { refusal: secret },
  { refusal: '{"code": "none"}' },
  { before_image: secret },
  { before_image: '[7]' },
  { entity: 'stranger' },
  { entity: '__proto__' },
];
const verdicts = ['odd', '', '__proto__'];

/** Rows that somebody with an account has written into the control tables of the primary, beside a write that is owed. */
export async function plantControlRows(
  at: RunningMigration,
): Promise<{ readonly rows: number; findings(): Promise<readonly Finding[]> }> {
  const { lockstep, migration, sql, stores, temporal } = at;
  const journalRow = {
    id: 'planted',
    migration: migration.name,
    entity: account.name,
    record_key: '["1"]',
    kind: 'create',
    status: 'pending',
    version: '7',
  };
  const differenceRow = { migration: migration.name, entity: account.name, reason: secret };
  const insert = async (table: string, row: Readonly<Record<string, string>>) => {
    const values = Object.values(row).map((value) => `'${value}'`);
    await sql.legacy(
      `INSERT INTO lockstep_${table} (${Object.keys(row).join(', ')}) VALUES (${values.join(', ')})`,
    );
  };
  for (const [index, changed] of changes.entries())
    await insert('operations', { ...journalRow, id: `planted-${index}`, ...changed });
  for (const verdict of verdicts)
    await insert('differences', { ...differenceRow, record_key: `${secret}${verdict}`, verdict });
  await insert('definitions', {
    migration: 'stranger',
    revision: '1',
    entities: secret,
    tables: secret,
    policy: secret,
  });

  return {
    rows: changes.length + verdicts.length + 1,
    async findings() {
      const found: Finding[] = [];
      const value = newAccount();
      const { operationId } = await lockstep.repository(account).create(value, { ack: 'both' });
      await sql.legacy(`UPDATE lockstep_operations SET status = 'pending' WHERE id = '${operationId}'`);
      await temporal.workflow.getHandle(writeWorkflowId(migration.name, operationId)).result();
      const retried = await lockstep.journal.retry({ parked: true, olderThanMs: 0, ids: null });
      if (retried.completed !== 1)
        found.push({ fault: 'stuck', what: 'the write beside rows of the journal' });
      const entries = (await lockstep.journal.list({ limit: 1_000 })).filter(({ id }) =>
        id.startsWith('planted'),
      );
      for (const { id, fault } of entries)
        if (fault === null) found.push({ fault: 'accepted', what: `the row ${id} of the journal` });
      const groups = await lockstep.reconciliation.groupedDifferences({ groups: 100, keys: 0 });
      if (groups.some(({ verdict }) => verdict !== 'unreadable'))
        found.push({ fault: 'accepted', what: 'a difference of an unknown verdict' });
      const status = await lockstep.control.status();
      // Keys are shown to nobody but at a terminal that asks for them.
      const told = [entries.map(({ key: _key, ...shown }) => shown), groups, status, retried];
      if (JSON.stringify(told).includes(secret)) found.push({ fault: 'leak', what: 'a control row' });
      await stores.legacy.check();
      await sql.legacy("DELETE FROM lockstep_operations WHERE id LIKE 'planted%'");
      await sql.legacy('DELETE FROM lockstep_differences');
      await sql.legacy("DELETE FROM lockstep_definitions WHERE migration = 'stranger'");
      return found;
    },
  };
}
