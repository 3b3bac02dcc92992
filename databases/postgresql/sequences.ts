import type { Session } from '../engine/session.ts';
import { quote, quoteTable, text } from './quote.ts';

/** Sequences that give a numeric column its default: its identity, or one that the default names. */
const sequencesSql = `
SELECT a.attname AS column, s.seqrelid::regclass::text AS sequence, s.seqincrement < 0 AS descends,
  s.seqmin AS least, s.seqmax AS most
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid AND t.typcategory = 'N'
JOIN pg_sequence s ON s.seqrelid IN (
  SELECT p.objid FROM pg_depend p WHERE p.classid = 'pg_class'::regclass::oid AND p.refclassid = 'pg_class'::regclass::oid
    AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum AND p.deptype = 'i'
  UNION
  SELECT p.refobjid FROM pg_attrdef d JOIN pg_depend p ON p.classid = 'pg_attrdef'::regclass::oid AND p.objid = d.oid
    AND p.refclassid = 'pg_class'::regclass::oid
  WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum)
WHERE a.attrelid = pg_catalog.to_regclass(?)::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum`;

/** The sequences that number a table's columns. */
export async function sequencesOf({ query }: Pick<Session, 'query'>, table: string): Promise<string[]> {
  return (await query(sequencesSql, [quoteTable(table)])).map(({ sequence }) => sequence ?? '');
}

export async function primeStatements(session: Session, table: string): Promise<string[]> {
  const found = await session.query(sequencesSql, [quoteTable(table)]);
  return found.map(({ column, sequence, descends, least, most }) => {
    const [last, further] = descends === 't' ? ['min', 'least'] : ['max', 'greatest'];
    const reached = `${last}(${quote(column ?? '')})`;
    const name = text(sequence ?? '');
    return `SELECT pg_catalog.setval(${name}, ${further}(${reached}::bigint, pg_catalog.pg_sequence_last_value(${name})))
FROM ${quoteTable(table)} WHERE ${quote(column ?? '')} BETWEEN ${least} AND ${most} HAVING ${reached} IS NOT NULL`;
  });
}
