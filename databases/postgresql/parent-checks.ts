import type pg from 'pg';
import type { BoundTable } from '../columns/bound.ts';
import type { ParentCheck } from '../engine/bulk-engine.ts';
import type { Session, TextCells } from '../engine/session.ts';
import { quote, quoteTable, unnested } from './quote.ts';

/** Whoever has this right can keep the triggers of a session from firing, those that check foreign keys among them. */
const mayStopTriggers = `pg_catalog.has_parameter_privilege('session_replication_role', 'SET')`;

const ready = {
  name: 'lockstep_parent_checks_ready',
  text: `SELECT (${mayStopTriggers} AND pg_catalog.current_setting('session_replication_role') = 'origin'
  AND pg_catalog.has_table_privilege(pg_catalog.to_regclass($1)::oid, 'UPDATE'))::text AS ready`,
};

/** Why the server looks for the parents of each row, with the remedy; null where the account may have them looked for at once. */
export async function checkedByRowReason({ query }: Pick<Session, 'query'>): Promise<string | null> {
  const [row] = await query(
    `SELECT ${mayStopTriggers}::text AS may, pg_catalog.quote_ident(current_user) AS account`,
  );
  return row?.may === 'true'
    ? null
    : `parents are looked for row by row; GRANT SET ON PARAMETER session_replication_role TO ${row?.account} lets a page look for all of its own at once, in a third to a half of the server's time`;
}

/**
 * What fires when a row comes into a table: a row for each pair of columns, where it is the check of a foreign key. `known` is not true
 * where it is anything else, or a check that `lockSql` would not repeat: of a part of a tuple, of columns of two types, by another operator
 * than the types' own equality, or of a table whose rows this account does not see and lock as the server does.
 */
const firing = {
  // Prepared: to plan it takes six times as long as to run it, and each page asks.
  name: 'lockstep_parent_checks_firing',
  text: `SELECT g.oid::text AS trigger, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.relname) AS parent, (p.oid = t.oid)::text AS within,
    a.attname::text AS own, b.attname::text AS other, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
    (t.relkind = 'r' AND b.attname IS NOT NULL AND o.oid IS NOT NULL)::text AS known
  FROM pg_class t JOIN pg_trigger g ON g.tgrelid = t.oid AND (g.tgtype::integer & 4) <> 0
  LEFT JOIN pg_constraint c ON c.oid = g.tgconstraint AND c.contype = 'f' AND c.confmatchtype = 's' AND g.tgenabled = 'O'
  LEFT JOIN pg_class p ON p.oid = c.confrelid AND p.relkind = 'r' AND NOT pg_catalog.row_security_active(p.oid)
    AND pg_catalog.has_table_privilege(p.oid, 'SELECT') AND pg_catalog.has_table_privilege(p.oid, 'UPDATE')
  LEFT JOIN pg_namespace n ON n.oid = p.relnamespace
  LEFT JOIN LATERAL unnest(c.conkey, c.confkey, c.conpfeqop) WITH ORDINALITY AS k(own, other, operator, at) ON true
  LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.own
  LEFT JOIN pg_attribute b ON b.attrelid = p.oid AND b.attnum = k.other AND b.atttypid = a.atttypid AND b.atttypmod = a.atttypmod
  LEFT JOIN pg_operator o ON o.oid = k.operator AND o.oprname = '=' AND o.oprnamespace = pg_catalog.to_regnamespace('pg_catalog')::oid
  WHERE t.oid = pg_catalog.to_regclass($1)::oid ORDER BY g.oid, k.at`,
};

/**
 * The checks of foreign keys that the server makes for each row of a table, for us to make once for many; null where they are not the
 * only thing that fires, or the account may not stop them. To the end of the transaction the table cannot get another trigger.
 */
export async function parentChecks(
  client: pg.PoolClient,
  { name, columns }: BoundTable,
): Promise<ParentCheck[] | null> {
  const table = quoteTable(name);
  const { rows: account } = await client.query<TextCells>({ ...ready, values: [table] });
  if (account[0]?.ready !== 'true') return null;
  // What the rows themselves would take; triggers and constraints are added under a lock that waits for it.
  await client.query(`LOCK TABLE ONLY ${table} IN ROW EXCLUSIVE MODE`);
  const { rows } = await client.query<TextCells>({ ...firing, values: [table] });
  const isGiven = (name: string | null | undefined) => columns.some((column) => column.name === name);
  // Where a page does not give a column, its default counts.
  if (rows.some(({ known, own }) => known !== 'true' || !isGiven(own))) return null;
  return [...Map.groupBy(rows, ({ trigger }) => trigger).values()].map((pairs) => {
    const isOwn = pairs.every(({ within, other }) => within === 'true' && isGiven(other));
    return checkOf(client, pairs, isOwn);
  });
}

function checkOf(client: pg.PoolClient, pairs: readonly TextCells[], isOwn: boolean): ParentCheck {
  const columns = pairs.map(({ own }) => own ?? '');
  return {
    columns,
    own: isOwn ? pairs.map(({ other }) => other ?? '') : null,
    async lockAll(tuples) {
      const values = columns.map((_, at) => tuples.map((tuple) => tuple[at]));
      const { rows } = await client.query<TextCells>(lockSql(pairs), values);
      return Number(rows[0]?.locked) === tuples.length;
    },
  };
}

/** As the server's own statement for one row. A subquery that locks is run for each tuple, so that the index is used. */
function lockSql(pairs: readonly TextCells[]): string {
  const lists = pairs.map(({ type }, at) => `$${at + 1}::${type}[]`);
  const same = pairs.map(({ other }, at) => `p.${quote(other ?? '')} OPERATOR(pg_catalog.=) k.c${at}`);
  return `SELECT pg_catalog.count(*)::text AS locked FROM ${unnested(lists)} AS k(${pairs.map((_, at) => `c${at}`).join(', ')})
    CROSS JOIN LATERAL (SELECT 1 AS one FROM ONLY ${pairs[0]?.parent} p WHERE ${same.join(' AND ')} FOR KEY SHARE) x`;
}
