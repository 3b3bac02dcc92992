import type { CatalogueColumn } from '../columns/catalogue.ts';
import type { CatalogueTable } from '../columns/column.ts';
import type { Session, TextCells } from '../engine/session.ts';
import { type Described, typeOf } from './column-type.ts';
import { quoteTable } from './quote.ts';

/** Domains are followed to the type below them; a list is described by its element. */
const columnsSql = `
SELECT (SELECT c.relname FROM pg_class c WHERE c.oid = a.attrelid) AS relation, a.attname AS name,
  a.attidentity = 'a' AS inserted, pg_catalog.format_type(a.atttypid, a.atttypmod) AS declared,
  CASE WHEN el.typtype = 'e' THEN 'enum'
    WHEN el.typnamespace = 'pg_catalog'::regnamespace::oid THEN pg_catalog.format_type(el.oid, NULL)
    WHEN ext.objid IS NOT NULL THEN el.typname ELSE pg_catalog.format_type(el.oid, NULL) END AS base,
  pg_catalog.format_type(el.oid, NULL) AS cast_to, base.typcategory = 'A' AS listed,
  NOT (a.attnotnull OR r.required) AS nullable, (a.attgenerated <> '') AS generated,
  CASE WHEN el.oid IN ('bit'::regtype::oid, 'bpchar'::regtype::oid, 'varchar'::regtype::oid)
    THEN information_schema._pg_char_max_length(el.oid, r.typmod) END AS length,
  coalesce(co.collisdeterministic, true) AND coalesce(ext.objid IS NULL OR el.typname <> 'citext', true) AS exact,
  pg_catalog.getdatabaseencoding() = 'UTF8' AS unicode,
  a.attcollation = 0::oid OR CASE co.collname WHEN 'default'
    THEN (SELECT datcollate FROM pg_database WHERE datname = current_database()) ELSE co.collname END
    IN ('C', 'POSIX', 'ucs_basic', 'C.UTF-8', 'C.utf8') AS bytewise,
  CASE el.oid WHEN 'money'::regtype::oid THEN pg_catalog.scale(1::money::numeric)
    WHEN 'numeric'::regtype::oid THEN CASE WHEN r.typmod >= 0 THEN (((r.typmod - 4) & 2047) # 1024) - 1024 END END AS scale,
  information_schema._pg_datetime_precision(el.oid, r.typmod) AS precision,
  (a.attnotnull OR r.required) AND NOT a.atthasdef AND a.attidentity = '' AND NOT r.defaulted
    AND NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = a.attrelid AND NOT g.tgisinternal AND g.tgtype::integer & 7 = 7) AS unfilled
FROM pg_attribute a
CROSS JOIN LATERAL (
  WITH RECURSIVE below(oid, typmod, required, defaulted, ends) AS (
    SELECT a.atttypid, a.atttypmod, false, false, t.typtype <> 'd' FROM pg_type t WHERE t.oid = a.atttypid
    UNION ALL
    SELECT t.typbasetype, t.typtypmod, below.required OR t.typnotnull,
      below.defaulted OR t.typdefault IS NOT NULL, inner_t.typtype <> 'd'
    FROM below JOIN pg_type t ON t.oid = below.oid JOIN pg_type inner_t ON inner_t.oid = t.typbasetype WHERE NOT below.ends)
  SELECT oid, typmod, required, defaulted FROM below WHERE ends) r
JOIN pg_type base ON base.oid = r.oid
JOIN pg_type el ON el.oid = CASE WHEN base.typcategory = 'A' AND base.typelem <> 0::oid THEN base.typelem ELSE base.oid END
LEFT JOIN pg_depend ext ON ext.classid = 'pg_type'::regclass::oid AND ext.objid = el.oid AND ext.deptype = 'e'
LEFT JOIN pg_collation co ON co.oid = a.attcollation
WHERE a.attrelid = pg_catalog.to_regclass(?)::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum`;

const kindSql = `
SELECT c.relkind AS kind, EXISTS (SELECT FROM pg_catalog.pg_partition_tree(c.oid) t JOIN pg_class p ON p.oid = t.relid
    WHERE p.relpersistence = 'u' UNION ALL SELECT WHERE c.relpersistence = 'u') AS unlogged
FROM pg_class c WHERE c.oid = pg_catalog.to_regclass(?)::oid`;

const otherKinds: Readonly<Record<string, string>> = {
  v: 'view',
  m: 'materialized view',
  f: 'foreign table',
  S: 'sequence',
  c: 'composite type',
  i: 'index',
};

/**
 * An index that is not valid may miss rows. Tables that inherit have indexes of their own, and their rows are among those of the
 * parent. A NOT NULL that is not validated yet says nothing of old rows.
 */
const uniqueSql = `
SELECT i.indexrelid::text AS index, a.attname AS column, (NOT a.attnotnull OR EXISTS (SELECT FROM pg_constraint c
    WHERE c.conrelid = a.attrelid AND c.contype = 'n' AND c.conkey OPERATOR(pg_catalog.=) ARRAY[a.attnum] AND NOT c.convalidated)) AS nullable
FROM pg_index i
JOIN LATERAL pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, at) ON at <= i.indnkeyatts
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = pg_catalog.to_regclass(?)::oid AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indimmediate
  AND i.indisvalid AND i.indisready
  AND NOT EXISTS (SELECT FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhparent WHERE h.inhparent = i.indrelid AND p.relkind = 'r')
ORDER BY i.indisprimary DESC, i.indexrelid, k.at`;

/**
 * The transactions that have written the rows of the catalogue which `columnsSql` and `uniqueSql` read. What a domain says stands in rows
 * that are not looked at here. A flag of an index may be written in place.
 */
const markSql = `
SELECT t.oid::text || ' ' || (SELECT pg_catalog.string_agg(x.mark, ' ' ORDER BY x.mark) FROM (
  SELECT CASE WHEN y.typtype = 'd' OR e.typtype = 'd' THEN NULL ELSE 'a' || a.attnum::text || ':' || a.xmin::text || ':' || y.xmin::text END AS mark
    FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid LEFT JOIN pg_type e ON e.oid = y.typelem
    WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL SELECT 'i' || i.indexrelid::text || ':' || i.xmin::text || i.indisvalid::text || i.indisready::text FROM pg_index i WHERE i.indrelid = t.oid
  UNION ALL SELECT 'c' || c.oid::text || ':' || c.xmin::text FROM pg_constraint c WHERE c.conrelid = t.oid
  UNION ALL SELECT 'h' || h.inhrelid::text FROM pg_inherits h WHERE h.inhparent = t.oid) x
  HAVING pg_catalog.bool_and(x.mark IS NOT NULL)) AS mark
FROM (SELECT pg_catalog.to_regclass(?)::oid AS oid) t`;

/** See `Engine.catalogueMark`. */
export async function readMark(session: Session, table: string): Promise<string | null> {
  const [row] = await session.query(markSql, [quoteTable(table)]);
  return row?.mark ?? null;
}

/** The table as the catalogue describes it; null where there is none of that name. */
export async function readCatalogue(session: Session, table: string): Promise<CatalogueTable | null> {
  const rows = await session.query(columnsSql, [quoteTable(table)]);
  // PostgreSQL cuts a name to 63 bytes and goes on: what it finds then is another table.
  if (rows[0]?.relation !== table.split('.').at(-1)) return null;
  const indexes = new Map<string, { columns: string[]; nullable: boolean }>();
  for (const row of await session.query(uniqueSql, [quoteTable(table)])) {
    const index = indexes.get(row.index ?? '') ?? { columns: [], nullable: false };
    index.columns.push(row.column ?? '');
    index.nullable ||= row.nullable === 't';
    indexes.set(row.index ?? '', index);
  }
  const [kind] = await session.query(kindSql, [quoteTable(table)]);
  return {
    name: table,
    unfit: kind ? unfitReason(table, kind) : null,
    unfilled: rows.flatMap(({ name, unfilled }) => (name && unfilled === 't' ? [name] : [])),
    columns: rows.map((row) =>
      columnOf({
        name: row.name ?? '',
        declared: row.declared ?? '',
        base: row.base ?? '',
        cast: row.cast_to ?? '',
        listed: row.listed === 't',
        nullable: row.nullable === 't',
        generated: row.generated === 't',
        scale: row.scale === null ? null : Number(row.scale),
        precision: Number(row.precision ?? 6),
        length: row.length === null ? null : Number(row.length),
        exact: row.exact === 't',
        unicode: row.unicode === 't',
        inserted: row.inserted === 't',
        bytewise: row.bytewise === 't',
      }),
    ),
    unique: [...indexes.values()].filter((index) => !index.nullable).map((index) => index.columns),
  };
}

function unfitReason(table: string, { kind, unlogged }: TextCells): string | null {
  const other = otherKinds[kind ?? ''];
  if (other !== undefined)
    return `"${table}" is a ${other}, and no table; name the table that keeps the rows, in the database where it is`;
  if (unlogged !== 't') return null;
  return `table "${table}" is unlogged: after a crash the server empties it; ALTER TABLE ${table} SET LOGGED, of each partition where it has some`;
}

const ofExtensions = ['citext', 'hstore'];

function columnOf(described: Described): CatalogueColumn {
  const bytesOf = (text: string) => `${text}::text COLLATE "C"`;
  return {
    name: described.name,
    declared: described.declared,
    nullable: described.nullable,
    generated: described.generated,
    ...typeOf(described),
    // A type of an extension has operators of its own, wherever that was put.
    equal: ofExtensions.includes(described.base) ? '=' : 'OPERATOR(pg_catalog.=)',
    bytes: described.exact ? null : bytesOf,
    uuidBytes: described.exact ? null : (text) => bytesOf(`LOWER(${text})`),
    sortsByBytes:
      described.bytewise &&
      described.exact &&
      ['text', 'character varying', 'character', 'uuid'].includes(described.base),
  };
}
