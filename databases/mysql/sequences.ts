import type { Session } from '../engine/session.ts';
import { placeOf, quote, quoteTable } from './quote.ts';

/** Of MariaDB, which writes the name of the sequence with its database. */
const sequencesSql = `
SELECT COLUMN_NAME AS name, SUBSTR(COLUMN_DEFAULT, 9, CHAR_LENGTH(COLUMN_DEFAULT) - 9) AS sequence
FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND COLUMN_DEFAULT LIKE 'nextval(%'`;

export async function sequencesOf(
  { query }: Pick<Session, 'query'>,
  table: string,
): Promise<{ readonly column: string; readonly sequence: string }[]> {
  const found = await query(sequencesSql, placeOf(table));
  return found.flatMap(({ name, sequence }) => (name && sequence ? [{ column: name, sequence }] : []));
}

/** InnoDB's AUTO_INCREMENT counts on from every key that is given to it; a sequence in a default does not. */
export async function primeStatements(session: Session, table: string): Promise<string[]> {
  const statements: string[] = [];
  for (const { column, sequence } of await sequencesOf(session, table)) {
    const [row] = await session.query(`SELECT MAX(${quote(column)}) AS top FROM ${quoteTable(table)}`);
    // SETVAL takes a number and no expression; where the sequence is further already, it stays.
    if (row?.top) statements.push(`SELECT SETVAL(${sequence}, ${row.top})`);
  }
  return statements;
}
