import type { StoreName } from '../../model/failure.ts';
import type { Fixture } from './fixture.ts';

const controlTables = ['records', 'operations', 'state', 'differences', 'sightings'];

/** Takes a copy of a store's rows, its control tables among them. The result puts it back, as a restore from a backup does. */
export async function copyOfStore(
  fixture: Fixture,
  store: StoreName,
  tables: readonly string[],
): Promise<() => Promise<void>> {
  const prefix = fixture.stores[store].engine === 'postgresql' ? 'lockstep.' : 'lockstep_';
  const all = [...tables, ...controlTables.map((table) => `${prefix}${table}`)];
  const copies = all.map((table) => [table, `backup_of_${table.replace('.', '_')}`] as const);
  const run = fixture.sql[store];
  for (const [table, copy] of copies) {
    await run(`DROP TABLE IF EXISTS ${copy}`);
    await run(`CREATE TABLE ${copy} AS SELECT * FROM ${table}`);
  }
  return async () => {
    for (const [table, copy] of copies) {
      await run(`DELETE FROM ${table}`);
      await run(`INSERT INTO ${table} SELECT * FROM ${copy}`);
    }
  };
}
