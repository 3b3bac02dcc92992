import { createHash } from 'node:crypto';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
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
      const statement = drop(beside(table, row.retired_name));
      await context.query(statement);
      await context.query(`UPDATE ${retired} SET dropped = 1 WHERE ${place}`, [migration.name, table]);
      statements.push(statement);
    }
    return statements;
  }

  async function restoreRetired(entity: Entity): Promise<string[]> {
    const tables = ownedTables(entity, context.name);
    const restoring: { table: string; name: string }[] = [];
    for (const table of tables) {
      const [row] = await context.query(
        `SELECT retired_name, dropped FROM ${retired} WHERE ${place} AND renamed = 1`,
        [migration.name, table],
      );
      if (!row?.retired_name) continue;
      const name = beside(table, row.retired_name);
      if (row.dropped === '1') throw notRestored(`${name}, which was ${table}, is dropped`);
      if (!(await isThere(name))) {
        // A crash may have come between the rename and its note.
        if (await isThere(table)) restoring.push({ table, name: table });
        else throw notRestored(`neither ${name} nor ${table} is there`);
      } else if (await isThere(table)) throw notRestored(`another table is called ${table} since`);
      else restoring.push({ table, name });
    }
    const statements: string[] = [];
    for (const { table, name } of restoring) {
      if (name !== table) {
        const statement = dialect.rename(name, table.split('.').at(-1) ?? table);
        await context.query(statement);
        statements.push(statement);
      }
      await context.query(`UPDATE ${retired} SET renamed = 0 WHERE ${place}`, [migration.name, table]);
    }
    return statements;
  }

  async function retirementStatements(entity: Entity): Promise<{ rename: string[]; drop: string[] }> {
    const tables = ownedTables(entity, context.name);
    const nameOf = (table: string) => retiredName(migration.name, table);
    return {
      rename: tables.map((table) => dialect.rename(table, nameOf(table))),
      drop: tables.toReversed().map((table) => drop(beside(table, nameOf(table)))),
    };
  }

  function drop(table: string): string {
    return `DROP TABLE IF EXISTS ${dialect.table(table)}`;
  }

  function notRestored(why: string): LockstepError {
    return new LockstepError(
      'GateRefused',
      `the tables of ${migration.name} cannot have their names back in the ${context.name} store: ${why}`,
      { gate: 'undo', store: context.name },
    );
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

  return { renameLegacyTables, dropRetired, restoreRetired, retirementStatements, retiredTables };
}

/** In the schema or database of another table. */
export function beside(table: string, name: string): string {
  return [...table.split('.').slice(0, -1), name].join('.');
}

/** No table of anybody else's has this name; it is at most 60 bytes long, which both engines take. */
export function retiredName(migration: string, table: string): string {
  const base = Buffer.from(table.split('.').at(-1) ?? table)
    .subarray(0, 40)
    .toString()
    .replace(/\uFFFD$/, '');
  const id = createHash('sha256').update(`${migration} ${table}`).digest('hex').slice(0, 8);
  return `${base}__retired_${id}`;
}
