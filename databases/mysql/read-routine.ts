import type { BoundEntity, BoundTable } from '../columns/bound.ts';
import { equals } from '../columns/column.ts';
import { cellName } from '../engine/listed-cells.ts';
import { literal, quote, quoteTable } from './quote.ts';

export function readName(entity: string): string {
  return quote(`lockstep_read_${entity}`);
}

/**
 * Record and rows of a list of keys from one snapshot: a result set of records, then one for each table. They name the places of
 * their keys, and are sorted only where a key has several rows: to sort a list costs more than to find it.
 */
export function readRoutine(bound: BoundEntity): string {
  const list = keyList(bound, 'p_keys');
  const order = (table: BoundTable) =>
    table.single && !table.reference
      ? ''
      : `\n    ORDER BY k.at, ${table.identity.map((column) => cellName(table, column)).join(', ')}`;
  const tables = bound.tables.map(
    (table) => `
  SELECT ${table.reference ? 'DISTINCT ' : ''}k.at, ${table.columns.map((column, index) => `${column.read(`t.${quote(column.name)}`)} AS c${index}`).join(', ')}
    FROM ${list} ${join(bound, table)}${order(table)};`,
  );
  return `CREATE PROCEDURE ${readName(bound.entity.name)}(p_keys LONGTEXT CHARACTER SET utf8mb4)
SQL SECURITY INVOKER
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
  START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY;
  SELECT k.at, r.version, r.deleted, r.digest, r.operation, ${undecided(bound)} AS undecided
    FROM ${list} LEFT JOIN lockstep_records r ON r.entity = ${literal(bound.entity.name)} AND r.record_key = k.record_key;${tables.join('')}
  COMMIT;
END`;
}

/** A list of keys, each its text and its parts, as a table `k`. */
export function keyList({ root }: BoundEntity, json: string): string {
  const parts = root.key.map(
    (_, index) => `k${index + 1} LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[${index + 1}]'`,
  );
  return `JSON_TABLE(${json}, '$[*]' COLUMNS (
      at FOR ORDINALITY, record_key VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[0]',
      ${parts.join(', ')})) k`;
}

/**
 * Only a write of the pattern `parallel` gets here before it is decided. The index begins with the migration and the status; there
 * are few of these entries at a time.
 */
function undecided({ entity }: BoundEntity): string {
  if (entity.pattern !== 'parallel') return '0';
  return `EXISTS (SELECT 1 FROM lockstep_state s STRAIGHT_JOIN lockstep_operations p
      ON p.migration = s.migration AND p.status IN ('tentative', 'parked')
      WHERE p.version IS NULL AND p.entity = ${literal(entity.name)} AND p.record_key = k.record_key)`;
}

/** A table's rows, under the alias `t`, joined to the list of keys by the tables that lead to it. */
function join(bound: BoundEntity, table: BoundTable, step = 0): string {
  const { reference } = table;
  const alias = step === 0 ? 't' : `o${step}`;
  if (!reference) return ownedRows(table, alias);
  const owner = bound.tables.find((candidate) => candidate.name === reference.table) ?? bound.root;
  const next = `o${step + 1}`;
  const on = reference.on.map(([there, from]) => `${alias}.${quote(there)} = ${next}.${quote(from)}`);
  return `${join(bound, owner, step + 1)} STRAIGHT_JOIN ${quoteTable(table.name)} ${alias} ON ${on.join(' AND ')}`;
}

/** Joins the rows of an owned table to the list of keys. */
export function ownedRows(table: BoundTable, alias: string): string {
  const key = table.key.map((column, index) =>
    equals(column, `${alias}.${quote(column.name)}`, `k.k${index + 1}`),
  );
  return `STRAIGHT_JOIN ${quoteTable(table.name)} ${alias} ON ${key.join(' AND ')}`;
}
