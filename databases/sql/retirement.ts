import type { Entity } from '../../model/entity.ts';
import { ownedTables, type StoreContext } from './context.ts';

/** The end of a store's tables: renamed first, dropped later. */
export function createRetirement(context: StoreContext) {
  async function renameLegacyTables(entity: Entity): Promise<string[]> {
    const statements: string[] = [];
    for (const table of ownedTables(entity, context.name)) {
      if (!(await context.translateErrors(() => context.engine.catalogue(table)))) continue;
      const statement = context.engine.dialect.rename(table, retiredName(table));
      await context.query(statement);
      statements.push(statement);
    }
    return statements;
  }

  async function dropRetired(entity: Entity): Promise<string[]> {
    const statements: string[] = [];
    for (const table of ownedTables(entity, context.name).toReversed()) {
      const place = [...table.split('.').slice(0, -1), retiredName(table)].join('.');
      const statement = `DROP TABLE IF EXISTS ${context.engine.dialect.table(place)}`;
      await context.query(statement);
      statements.push(statement);
    }
    return statements;
  }

  return { renameLegacyTables, dropRetired };
}

function retiredName(table: string): string {
  return `${table.split('.').at(-1) ?? table}__retired`;
}
