import type { RoleRights } from '../contract/rights.ts';
import type { Engine } from '../engine/engine.ts';
import { quote, quoteTable } from './quote.ts';

const ownSchema = 'lockstep';

const ownerSql = `SELECT pg_catalog.pg_get_userbyid(c.relowner) AS name FROM pg_class c WHERE c.oid = pg_catalog.to_regclass(?)`;

/** Of columns that number themselves. */
const sequencesSql = `SELECT d.objid::regclass::text AS name FROM pg_depend d
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = pg_catalog.to_regclass(?)
  AND d.deptype IN ('a', 'i') AND EXISTS (SELECT FROM pg_class s WHERE s.oid = d.objid AND s.relkind = 'S')
ORDER BY 1`;

/** Who makes the schema owns all that is in it. */
export async function grants(
  engine: Pick<Engine, 'query' | 'qualifiedName' | 'database'>,
  rights: RoleRights,
  account: string,
): Promise<string[]> {
  const who = quote(account);
  const statements: string[] = [];
  const give = (what: string, where: string) => {
    const statement = `GRANT ${what} ON ${where} TO ${who}`;
    if (!statements.includes(statement)) statements.push(statement);
  };
  const placed = async (table: string) => {
    const name = await engine.qualifiedName(table);
    return name.includes('.') ? name : `public.${name}`;
  };
  const schemaOf = (table: string) => table.split('.')[0] ?? '';
  const database = `DATABASE ${quote(engine.database)}`;
  if (rights.creates) give('CREATE', database);
  const tables = await Promise.all(
    rights.tables.map(async ({ table, verbs }) => ({ table: await placed(table), verbs })),
  );
  const asked = rights.creates ? tables.filter(({ table }) => schemaOf(table) !== ownSchema) : tables;
  for (const { table } of asked) give('USAGE', `SCHEMA ${quote(schemaOf(table))}`);
  if (!rights.creates) for (const { table, verbs } of asked) give(verbs.join(', '), quoteTable(table));
  for (const table of rights.triggersOn) give('TRIGGER', quoteTable(await placed(table)));
  if (rights.executes) give('EXECUTE', `ALL FUNCTIONS IN SCHEMA ${quote(ownSchema)}`);
  if (rights.loads.length > 0) give('TEMPORARY', database);
  for (const table of rights.loads)
    for (const { name } of await engine.query(sequencesSql, [quoteTable(table)]))
      give('SELECT, UPDATE', `SEQUENCE ${name}`);
  for (const { table } of rights.retires) {
    const name = await placed(table);
    const [owner] = await engine.query(ownerSql, [quoteTable(name)]);
    give('CREATE', `SCHEMA ${quote(schemaOf(name))}`);
    // Nobody but an owner renames or drops.
    if (owner?.name) statements.push(`GRANT ${quote(owner.name)} TO ${who}`);
  }
  return [...new Set(statements)];
}
