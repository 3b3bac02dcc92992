import type { TableUse } from '../contract/table-use.ts';
import { ownedTables, type StoreContext } from './context.ts';

/** Who else uses the tables of a store, as far as the database tells. */
export function createTableUse(context: StoreContext) {
  async function tableUse(): Promise<TableUse[]> {
    const tables = new Set(context.migration.entities.flatMap((entity) => ownedTables(entity, context.name)));
    const uses: TableUse[] = [];
    for (const table of tables)
      uses.push(await context.translateErrors(() => context.engine.tableUse(table)));
    return uses;
  }

  return { tableUse };
}
