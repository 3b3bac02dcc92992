import type { JournalEntry } from '../../databases/contract/journal.ts';
import type { Stored } from '../../databases/contract/write.ts';
import type { Entity } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import { routes } from '../../model/phase.ts';
import type { Account } from './accounts.ts';
import type { Scene } from './scene.ts';
import { until } from './until.ts';

/** A row as plain SQL gives it; null where there is none. */
export async function rowIn(scene: Scene, store: StoreName, table: string, id: number) {
  const rows = await scene.sql[store](`SELECT id, owner, email, balance FROM ${table} WHERE id = ${id}`);
  return rows[0] ?? null;
}

/** The rows of a key in legacy and modern. */
export async function rowsOf(scene: Scene, table: string, id: number) {
  return [await rowIn(scene, 'legacy', table, id), await rowIn(scene, 'modern', table, id)];
}

export async function storedIn(
  scene: Scene,
  store: StoreName,
  entity: Entity<Account>,
  id: number,
): Promise<Stored> {
  const [stored] = await scene.stores[store].read(entity, [[String(id)]]);
  if (!stored) throw new Error('a read gave no record for its key');
  return stored;
}

export async function versionsOf(scene: Scene, entity: Entity<Account>, id: number): Promise<string[]> {
  const legacy = await storedIn(scene, 'legacy', entity, id);
  const modern = await storedIn(scene, 'modern', entity, id);
  return [legacy.version, modern.version];
}

/** What a journal says of an operation; null where it does not know it. */
export async function entryIn(scene: Scene, store: StoreName, id: string): Promise<JournalEntry | null> {
  const [entry] = await scene.stores[store].journal({ migration: scene.migration.name, ids: [id], limit: 1 });
  return entry ?? null;
}

/** Waits until the deciding store owes the other nothing; parked writes do not count. */
export async function settled(scene: Scene): Promise<void> {
  const { name } = scene.migration;
  await until('nothing is owed', async () => {
    const state = await scene.stores.legacy.readState(name);
    const { pending } = await scene.stores[routes[state?.phase ?? 'legacy-only'].primary].owed(name);
    return pending === 0;
  });
}

/** Everything in a table, for comparisons of the two stores by plain SQL. */
export async function tableOf(scene: Scene, store: StoreName, table: string) {
  return await scene.sql[store](`SELECT id, owner, email, balance FROM ${table} ORDER BY id`);
}
