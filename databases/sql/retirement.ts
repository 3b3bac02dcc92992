import { createHash } from 'node:crypto';
import type { Entity } from '../../model/entity.ts';
import { ownedTables, type StoreContext } from './context.ts';

/**
 * The end of a store's tables: renamed first, dropped later. What was done stands in `retired`, so that a table which has taken
 * an old name since is never touched.
 */
export function createRetirement(context: StoreContext) {
  const { engine, migration } = context;
  const { dialect } = engine;
  const retired = context.control('retired');
  const place = 'migration = ? AND table_name = ?';

  async function renameLegacyTables(entity: Entity): Promise<string[]> {
    const statements: string[] = [];
    for (const table of ownedTables(entity, context.name)) {
      const name = retiredName(migration.name, table);
      await context.query(
        dialect.insertNew(
          retired,
          ['migration', 'table_name', 'retired_name', 'renamed', 'dropped'],
          ['migration', 'table_name'],
        ),
        [migration.name, table, name, 0, 0],
      );
      const [row] = await context.query(`SELECT renamed FROM ${retired} WHERE ${place}`, [
        migration.name,
        table,
      ]);
      if (row?.renamed === '1') continue;
      // A crash may have come between the rename and its note.
      if (!(await isThere(beside(table, name))) && (await isThere(table))) {
        const statement = dialect.rename(table, name);
        await context.query(statement);
        statements.push(statement);
      }
      await context.query(`UPDATE ${retired} SET renamed = 1 WHERE ${place}`, [migration.name, table]);
    }
    return statements;
  }

  async function dropRetired(entity: Entity): Promise<string[]> {
    const statements: string[] = [];
    for (const table of ownedTables(entity, context.name).toReversed()) {
      const [row] = await context.query(
        `SELECT retired_name FROM ${retired} WHERE ${place} AND renamed = 1 AND dropped = 0`,
        [migration.name, table],
      );
      if (!row?.retired_name) continue;
      const statement = `DROP TABLE IF EXISTS ${dialect.table(beside(table, row.retired_name))}`;
      await context.query(statement);
      await context.query(`UPDATE ${retired} SET dropped = 1 WHERE ${place}`, [migration.name, table]);
      statements.push(statement);
    }
    return statements;
  }

  async function retiredTables(): Promise<string[]> {
    const rows = await context.query(
      `SELECT table_name, retired_name FROM ${retired} WHERE migration = ? AND renamed = 1 AND dropped = 0 ORDER BY table_name`,
      [migration.name],
    );
    return rows.map((row) => beside(row.table_name ?? '', row.retired_name ?? ''));
  }

  async function isThere(table: string): Promise<boolean> {
    return (await context.translateErrors(() => engine.catalogue(table))) !== null;
  }

  return { renameLegacyTables, dropRetired, retiredTables };
}

/** In the schema or database of another table. */
function beside(table: string, name: string): string {
  return [...table.split('.').slice(0, -1), name].join('.');
}

/** No table of anybody else's has this name; it is at most 60 bytes long, which both engines take. */
function retiredName(migration: string, table: string): string {
  const base = Buffer.from(table.split('.').at(-1) ?? table)
    .subarray(0, 40)
    .toString()
    .replace(/\uFFFD$/, '');
  const id = createHash('sha256').update(`${migration} ${table}`).digest('hex').slice(0, 8);
  return `${base}__retired_${id}`;
}
