import type { RoleRights } from '../contract/rights.ts';
import type { Engine, IsAllowed } from '../engine/engine.ts';
import { rolledBack } from '../engine/rolled-back.ts';
import { quote, quoteTable, text } from './quote.ts';
import { sequencesOf } from './sequences.ts';

const ownSchema = 'lockstep';

const ownerSql = `SELECT pg_catalog.pg_get_userbyid(c.relowner) AS name FROM pg_class c WHERE c.oid = pg_catalog.to_regclass(?)::oid`;

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
  if (rights.creates || rights.tables.length > 0) give('CONNECT', database);
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
    for (const sequence of await sequencesOf(engine, table)) give('SELECT, UPDATE', `SEQUENCE ${sequence}`);
  for (const { table } of rights.retires) {
    const name = await placed(table);
    const [owner] = await engine.query(ownerSql, [quoteTable(name)]);
    give('CREATE', `SCHEMA ${quote(schemaOf(name))}`);
    // Nobody but an owner renames or drops.
    if (owner?.name) statements.push(`GRANT ${quote(owner.name)} TO ${who}`);
  }
  return [...new Set(statements)];
}

/** A sequence keeps what a transaction that is rolled back has done to it, so the server is asked instead. */
export async function missingFurther(
  engine: Pick<Engine, 'query' | 'transaction' | 'database'>,
  { tables, loads }: RoleRights,
  isAllowed: IsAllowed,
): Promise<string[]> {
  const missing: string[] = [];
  // A schema that may not be used is passed over, as if its tables were not there.
  if (tables.some(({ table }) => !table.includes('.'))) {
    const [row] = await engine.query(
      "SELECT pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace('public'), 'USAGE')::text AS may",
    );
    if (row?.may === 'false') missing.push('USAGE on schema public');
  }
  if (loads.length === 0) return missing;
  const makesTable = () =>
    rolledBack(engine, ({ query }) => query('CREATE TEMPORARY TABLE lockstep_trial (one integer)'));
  if (!(await isAllowed(makesTable))) missing.push(`TEMPORARY on database ${engine.database}`);
  for (const table of loads)
    for (const sequence of await sequencesOf(engine, table))
      for (const verb of ['SELECT', 'UPDATE']) {
        const [row] = await engine.query(
          `SELECT pg_catalog.has_sequence_privilege(${text(sequence)}, '${verb}')::text AS may`,
        );
        if (row?.may !== 'true') missing.push(`${verb} on sequence ${sequence}`);
      }
  return missing;
}
