import type { StoreName } from '../../model/failure.ts';
import type { Direct } from '../databases/direct.ts';
import type { Fixture } from './fixture.ts';

const controlTables = ['records', 'operations', 'state', 'chunks', 'decisions', 'differences', 'sightings'];

/** Takes a copy of a store's rows, its control tables among them. The result puts it back, as a restore from a backup does. */
export async function copyOfStore(
  fixture: Fixture,
  store: StoreName,
  tables: readonly string[],
): Promise<() => Promise<void>> {
  const run = fixture.sql[store];
  const putBack = await copyOfTables(run, fixture.stores[store].engine, tables);
  return () => putBack(run);
}

/** As above, over any connection; the answer may be called with another. */
export async function copyOfTables(
  run: Direct['rows'],
  engine: string,
  tables: readonly string[],
): Promise<(run: Direct['rows']) => Promise<void>> {
  const prefix = engine === 'postgresql' ? 'lockstep.' : 'lockstep_';
  const all = [...tables, ...controlTables.map((table) => `${prefix}${table}`)];
  const copies = all.map((table) => [table, `backup_of_${table.replace('.', '_')}`] as const);
  for (const [table, copy] of copies) {
    await run(`DROP TABLE IF EXISTS ${copy}`);
    await run(`CREATE TABLE ${copy} AS SELECT * FROM ${table}`);
  }
  return async (on) => {
    await on('START TRANSACTION');
    for (const [table, copy] of copies) {
      await on(`DELETE FROM ${table}`);
      await on(`INSERT INTO ${table} SELECT * FROM ${copy}`);
    }
    await on('COMMIT');
  };
}
