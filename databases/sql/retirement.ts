import type { Entity } from '../../model/entity.ts';
import { type Access, ownedTables } from './context.ts';

/** The end of a store's tables: renamed first, dropped later. */
export function retirement(access: Access) {
  async function retire(entity: Entity): Promise<string[]> {
    const statements: string[] = [];
    for (const table of ownedTables(entity, access.name)) {
      if (!(await access.guarded(() => access.engine.catalogue(table)))) continue;
      const statement = access.engine.text.rename(table, retiredName(table));
      await access.query(statement);
      statements.push(statement);
    }
    return statements;
  }

  async function dropRetired(entity: Entity): Promise<string[]> {
    const statements: string[] = [];
    for (const table of ownedTables(entity, access.name).toReversed()) {
      const place = [...table.split('.').slice(0, -1), retiredName(table)].join('.');
      const statement = `DROP TABLE IF EXISTS ${access.engine.text.table(place)}`;
      await access.query(statement);
      statements.push(statement);
    }
    return statements;
  }

  return { retire, dropRetired };
}

function retiredName(table: string): string {
  return `${table.split('.').at(-1) ?? table}__retired`;
}
