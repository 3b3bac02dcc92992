import { currentState } from '../../databases/contract/current-state.ts';
import type { JournalEntry } from '../../databases/contract/journal.ts';
import type { StoredRecord } from '../../databases/contract/write.ts';
import type { Entity } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import { routes } from '../../model/phase.ts';
import type { Account } from './accounts.ts';
import type { Fixture } from './fixture.ts';
import { until } from './until.ts';

/** A row as plain SQL gives it; null where there is none. */
export async function rowIn(fixture: Fixture, store: StoreName, table: string, id: number) {
  const rows = await fixture.sql[store](`SELECT id, owner, email, balance FROM ${table} WHERE id = ${id}`);
  return rows[0] ?? null;
}

/** The rows of a key in legacy and modern. */
export async function rowsOf(fixture: Fixture, table: string, id: number) {
  return [await rowIn(fixture, 'legacy', table, id), await rowIn(fixture, 'modern', table, id)];
}

export async function storedIn(
  fixture: Fixture,
  store: StoreName,
  entity: Entity<Account>,
  id: number,
): Promise<StoredRecord> {
  const [stored] = await fixture.stores[store].read(entity, [[String(id)]]);
  if (!stored) throw new Error('a read gave no record for its key');
  return stored;
}

export async function versionsOf(fixture: Fixture, entity: Entity<Account>, id: number): Promise<string[]> {
  const legacy = await storedIn(fixture, 'legacy', entity, id);
  const modern = await storedIn(fixture, 'modern', entity, id);
  return [legacy.version, modern.version];
}

/** What a journal says of an operation; null where it does not know it. */
export async function entryIn(fixture: Fixture, store: StoreName, id: string): Promise<JournalEntry | null> {
  const [entry] = await fixture.stores[store].journal({
    migration: fixture.migration.name,
    ids: [id],
    limit: 1,
  });
  return entry ?? null;
}

/** Waits until nothing is pending at the primary; parked writes do not count. */
export async function drained(fixture: Fixture): Promise<void> {
  const { name } = fixture.migration;
  await until('nothing is pending', async () => {
    const { phase } = await currentState(fixture);
    const { pending } = await fixture.stores[routes[phase].primary].journalBacklog(name);
    return pending === 0;
  });
}

/** Everything in a table, for comparisons of the two stores by plain SQL. */
export async function tableOf(fixture: Fixture, store: StoreName, table: string) {
  return await fixture.sql[store](`SELECT id, owner, email, balance FROM ${table} ORDER BY id`);
}
