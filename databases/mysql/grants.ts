import type { RoleRights } from '../contract/rights.ts';
import type { Engine, IsAllowed } from '../engine/engine.ts';
import { rolledBack } from '../engine/rolled-back.ts';
import { literal, quoteTable } from './quote.ts';
import { sequencesOf } from './sequences.ts';

/** Rights on routines go with a routine that is made anew, so they are given for the database. */
export async function grants(
  engine: Pick<Engine, 'query' | 'qualifiedName' | 'database'>,
  rights: RoleRights,
  account: string,
): Promise<string[]> {
  const who = accountOf(account);
  const on = async (table: string) => quoteTable(await inDatabase(engine, table));
  const all = `${quoteTable(wildcardsEscaped(engine.database))}.*`;
  const statements: string[] = [];
  const give = (what: string, where: string) => statements.push(`GRANT ${what} ON ${where} TO ${who}`);
  if (rights.creates) give('CREATE ROUTINE, ALTER ROUTINE', all);
  for (const { table, verbs } of rights.tables) {
    const makes = rights.creates && table.startsWith('lockstep_') ? ', CREATE, ALTER' : '';
    give(`${verbs.join(', ')}${makes}`, await on(table));
  }
  for (const table of rights.triggersOn) give('TRIGGER', await on(table));
  // Who may not call a routine does not see it either.
  if (rights.executes || rights.readsByRoutines) give('EXECUTE', all);
  if (rights.loads.length > 0) give('CREATE TEMPORARY TABLES', all);
  for (const table of rights.loads)
    for (const { sequence } of await sequencesOf(engine, table)) give('SELECT, INSERT', sequence);
  for (const { table, renamed } of rights.retires) {
    give('ALTER, DROP', await on(table));
    give('CREATE, INSERT, ALTER, DROP', await on(renamed));
  }
  if (rights.endsPrepared && !(await isMariaDb(engine))) give('XA_RECOVER_ADMIN', '*.*');
  return statements;
}

export async function missingFurther(
  engine: Pick<Engine, 'query' | 'transaction' | 'database'>,
  { loads, endsPrepared }: RoleRights,
  isAllowed: IsAllowed,
): Promise<string[]> {
  const missing: string[] = [];
  const makesTable = () =>
    rolledBack(engine, async ({ query }) => {
      await query('CREATE TEMPORARY TABLE lockstep_trial (one INT)');
      await query('DROP TEMPORARY TABLE lockstep_trial');
    });
  if (loads.length > 0 && !(await isAllowed(makesTable)))
    missing.push(`CREATE TEMPORARY TABLES on database ${engine.database}`);
  if (endsPrepared && !(await isAllowed(() => engine.query('XA RECOVER')))) missing.push('XA_RECOVER_ADMIN');
  return missing;
}

async function inDatabase(
  { qualifiedName, database }: Pick<Engine, 'qualifiedName' | 'database'>,
  table: string,
): Promise<string> {
  const name = await qualifiedName(table);
  return name.includes('.') ? name : `${database}.${name}`;
}

async function isMariaDb({ query }: Pick<Engine, 'query'>): Promise<boolean> {
  const [row] = await query('SELECT VERSION() AS version');
  return row?.version?.includes('MariaDB') ?? false;
}

/** `name`, or `name@host`. */
function accountOf(account: string): string {
  const at = account.lastIndexOf('@');
  const [name, host] = at < 0 ? [account, '%'] : [account.slice(0, at), account.slice(at + 1)];
  return `${literal(name)}@${literal(host)}`;
}

/** In a grant for a whole database these stand for other characters too. */
function wildcardsEscaped(database: string): string {
  return database.replaceAll(/[_%]/g, '\\$&');
}
