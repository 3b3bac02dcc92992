import type { Scalar } from '../../model/scalar.ts';
import type { CatalogueColumn, CatalogueTable } from '../column.ts';
import type { Session } from '../engine.ts';
import { canonicalSql } from './canonical.ts';
import { quoteTable } from './quote.ts';

const columnsSql = `
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS declared, format_type(base.oid, NULL) AS base,
  base.typtype AS family, NOT a.attnotnull AS nullable, (a.attgenerated <> '') AS generated,
  coalesce(a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%', false) AS counts,
  information_schema._pg_char_max_length(base.oid, CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END) AS length,
  coalesce(co.collisdeterministic, true) AS exact, getdatabaseencoding() = 'UTF8' AS unicode,
  a.attcollation = 0 OR CASE co.collname WHEN 'default'
    THEN (SELECT datcollate FROM pg_database WHERE datname = current_database()) ELSE co.collname END
    IN ('C', 'POSIX', 'ucs_basic', 'C.UTF-8', 'C.utf8') AS bytewise,
  information_schema._pg_numeric_scale(base.oid, CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END) AS scale,
  information_schema._pg_datetime_precision(base.oid, CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END) AS precision
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_type base ON base.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
LEFT JOIN pg_collation co ON co.oid = a.attcollation
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass(?) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum`;

const uniqueSql = `
SELECT i.indexrelid::text AS index, a.attname AS column, (NOT a.attnotnull) AS nullable
FROM pg_index i
JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, at) ON at <= i.indnkeyatts
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = to_regclass(?) AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indimmediate
ORDER BY i.indisprimary DESC, i.indexrelid, k.at`;

/** The table as the catalogue describes it; null where there is none of that name. */
export async function readCatalogue(session: Session, table: string): Promise<CatalogueTable | null> {
  const rows = await session.query(columnsSql, [quoteTable(table)]);
  if (rows.length === 0) return null;
  const indexes = new Map<string, { columns: string[]; nullable: boolean }>();
  for (const row of await session.query(uniqueSql, [quoteTable(table)])) {
    const index = indexes.get(row.index ?? '') ?? { columns: [], nullable: false };
    index.columns.push(row.column ?? '');
    index.nullable ||= row.nullable === 't';
    indexes.set(row.index ?? '', index);
  }
  return {
    name: table,
    columns: rows.map((row) =>
      columnOf({
        name: row.name ?? '',
        declared: row.declared ?? '',
        base: row.base ?? '',
        isEnum: row.family === 'e',
        nullable: row.nullable === 't',
        generated: row.generated === 't',
        scale: row.scale === null ? null : Number(row.scale),
        precision: Number(row.precision ?? 6),
        length: row.length === null ? null : Number(row.length),
        exact: row.exact === 't',
        unicode: row.unicode === 't',
        bytewise: row.bytewise === 't',
      }),
    ),
    unique: [...indexes.values()].filter((index) => !index.nullable).map((index) => index.columns),
    autoIncrement: rows.find((row) => row.counts === 't')?.name ?? null,
  };
}

interface Described {
  name: string;
  declared: string;
  base: string;
  isEnum: boolean;
  nullable: boolean;
  generated: boolean;
  scale: number | null;
  precision: number;
  length: number | null;
  exact: boolean;
  unicode: boolean;
  bytewise: boolean;
}

function columnOf(described: Described): CatalogueColumn {
  const { base, unicode } = described;
  const natural: Scalar | null = described.isEnum ? { kind: 'text' } : naturalOf(described);
  const zoned = base === 'timestamp with time zone';
  // Casts name the base type without a length: a cast to varchar(3) would cut silently, the assignment to the column refuses.
  const cast = described.isEnum ? described.declared : base === 'character' ? 'bpchar' : base;
  const write = (text: string) => {
    if (base === 'bytea') return `decode(${text}, 'hex')`;
    if (zoned) return `(${text} || '+00')::timestamptz`;
    return `${text}::${cast}`;
  };
  return {
    name: described.name,
    declared: described.declared,
    nullable: described.nullable,
    generated: described.generated,
    natural,
    single: base === 'real',
    limits: described.length === null ? {} : { characters: described.length, padded: base === 'character' },
    read: (reference) => {
      if (base === 'bytea') return `encode(${reference}, 'hex')`;
      if (zoned) return `(${reference} AT TIME ZONE 'UTC')::text`;
      return `${reference}::text`;
    },
    write,
    compare: write,
    bytes: described.exact ? null : (text) => `${text}::text COLLATE "C"`,
    sortsByBytes: described.bytewise && (natural?.kind === 'text' || natural?.kind === 'uuid'),
    canonical: (reference, scalar) => canonicalSql({ base, natural, unicode }, reference, scalar),
  };
}

/** Types that are not here are refused by name when an entity is bound. */
function naturalOf({ base, scale, precision }: Described): Scalar | null {
  switch (base) {
    case 'smallint':
    case 'integer':
      return { kind: 'integer' };
    case 'bigint':
      return { kind: 'bigint' };
    case 'numeric':
      return scale === null ? null : { kind: 'decimal', scale };
    case 'real':
    case 'double precision':
      return { kind: 'float' };
    case 'boolean':
      return { kind: 'boolean' };
    case 'text':
    case 'character varying':
    case 'character':
      return { kind: 'text' };
    case 'date':
      return { kind: 'date' };
    case 'time without time zone':
      return { kind: 'time', precision };
    case 'timestamp without time zone':
    case 'timestamp with time zone':
      return { kind: 'timestamp', precision };
    case 'uuid':
      return { kind: 'uuid' };
    case 'bytea':
      return { kind: 'bytes' };
    case 'json':
    case 'jsonb':
      return { kind: 'json' };
    default:
      return null;
  }
}
