import type { Scalar } from '../../model/scalar.ts';
import type { CatalogueColumn, ColumnLimits } from '../columns/catalogue.ts';
import type { CatalogueTable } from '../columns/column.ts';
import { mostBytesOf } from '../columns/range.ts';
import { mysqlTypes, scalarOf, unmapped } from '../columns/types.ts';
import type { Session, TextCells } from '../engine/session.ts';
import { canonicalSql, compactSql } from './canonical.ts';
import { canonicalTextCheck } from './canonical-text.ts';
import { placeOf, quoteTable } from './quote.ts';
import { orTooLong } from './too-long.ts';

const columnsSql = `
SELECT COLUMN_NAME AS name, COLUMN_TYPE AS declared, LOWER(DATA_TYPE) AS base, IS_NULLABLE AS nullable,
  LOWER(EXTRA) AS extra, NUMERIC_SCALE AS scale, NUMERIC_PRECISION AS digits, DATETIME_PRECISION AS fraction,
  CHARACTER_MAXIMUM_LENGTH AS length, CHARACTER_SET_NAME AS charset, COLLATION_NAME AS collation,
  COLUMN_DEFAULT IS NOT NULL AS defaulted
FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?
ORDER BY ORDINAL_POSITION`;

const kindSql = `
SELECT t.TABLE_TYPE AS kind, t.ENGINE AS engine, e.TRANSACTIONS AS transactional
FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
WHERE t.TABLE_SCHEMA = COALESCE(?, DATABASE()) AND t.TABLE_NAME = ?`;

/** What it does nobody can see, so it may fill any column. */
const fillingSql = `
SELECT 1 AS one FROM information_schema.TRIGGERS
WHERE EVENT_OBJECT_SCHEMA = COALESCE(?, DATABASE()) AND EVENT_OBJECT_TABLE = ? AND EVENT_MANIPULATION = 'INSERT' AND ACTION_TIMING = 'BEFORE'
LIMIT 1`;

const uniqueSql = `
SELECT INDEX_NAME AS name, COLUMN_NAME AS part, NULLABLE AS nullable, SUB_PART AS prefix
FROM information_schema.STATISTICS
WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND NON_UNIQUE = 0
ORDER BY INDEX_NAME = 'PRIMARY' DESC, INDEX_NAME, SEQ_IN_INDEX`;

/** The table as the catalogue describes it; null where there is none of that name. */
export async function readCatalogue(session: Session, table: string): Promise<CatalogueTable | null> {
  const place = placeOf(table);
  const rows = await session.query(columnsSql, place);
  if (rows.length === 0) return null;
  const indexes = new Map<string, { columns: string[]; usable: boolean }>();
  for (const row of await session.query(uniqueSql, place)) {
    const name = row.name ?? '';
    const index = indexes.get(name) ?? { columns: [], usable: true };
    index.columns.push(row.part ?? '');
    if (row.nullable === 'YES' || row.prefix !== null || row.part === null) index.usable = false;
    indexes.set(name, index);
  }
  const unfilled = rows.filter((row) => {
    const extra = row.extra ?? '';
    // Of an ENUM that may not be null, the first label is the default.
    return (
      row.nullable !== 'YES' &&
      row.defaulted !== '1' &&
      row.base !== 'enum' &&
      !/auto_increment|generated/.test(extra)
    );
  });
  const isFilled = unfilled.length > 0 && (await session.query(fillingSql, place)).length > 0;
  const [kind] = await session.query(kindSql, place);
  return {
    name: table,
    unfit: kind ? unfitReason(table, kind) : null,
    unfilled: isFilled ? [] : unfilled.map((row) => row.name ?? ''),
    columns: rows.map((row) =>
      columnOf({
        name: row.name ?? '',
        declared: row.declared ?? '',
        base: row.base ?? '',
        nullable: row.nullable === 'YES',
        generated:
          /(virtual|stored|persistent).*generated|generated.*(virtual|stored)|^(virtual|stored|persistent)/.test(
            row.extra ?? '',
          ),
        scale: Number(row.scale ?? 0),
        digits: Number(row.digits ?? 65),
        fraction: Number(row.fraction ?? 0),
        length: Number(row.length ?? 0),
        charset: row.charset ?? 'utf8mb4',
        collation: row.collation ?? 'utf8mb4_bin',
      }),
    ),
    unique: [...indexes.values()].filter((index) => index.usable).map((index) => index.columns),
  };
}

/** See `Engine.catalogueMark`. A view is described without the columns of its tables, and what cannot be described is not there, or not ours to see. */
export async function readMark(session: Session, table: string): Promise<string | null> {
  const [row] = await session.query(`SHOW CREATE TABLE ${quoteTable(table)}`).catch(() => []);
  // The next number of a key is no part of what a table is, and each insert moves it on.
  return row?.['Create Table']?.replace(/^(\) ENGINE=\w+) AUTO_INCREMENT=\d+/m, '$1') ?? null;
}

function unfitReason(table: string, { kind, engine, transactional }: TextCells): string | null {
  // Such as VIEW and SEQUENCE.
  if (!['BASE TABLE', 'SYSTEM VERSIONED'].includes(kind ?? ''))
    return `"${table}" is a ${kind?.toLowerCase()}, and no table; name the table that keeps the rows`;
  if (transactional === 'YES') return null;
  return (
    `table "${table}" is kept by ${engine}, which has no transactions, so that a write could take effect in part; ` +
    `ALTER TABLE ${table} ENGINE = InnoDB`
  );
}

interface Described {
  name: string;
  declared: string;
  base: string;
  nullable: boolean;
  generated: boolean;
  scale: number;
  digits: number;
  fraction: number;
  length: number;
  charset: string;
  collation: string;
}

function columnOf(described: Described): CatalogueColumn {
  const { base, declared } = described;
  const rule = mysqlTypes[base] ?? unmapped;
  const natural = rule.holds
    ? scalarOf(rule.holds, {
        scale: described.scale,
        precision: described.fraction,
        length: described.digits,
      })
    : null;
  const isBytes = natural?.kind === 'bytes';
  const isText = natural?.kind === 'text' && described.length > 0;
  const limits = { ...limitsOf(described), cased: isText && /_(bin|cs)$/.test(described.collation) };
  const specialValues = zeroDate(described);
  const isExact = !(isText || base === 'set') || /_nopad_bin$|_0900_bin$/.test(described.collation);
  const bytesOf = (text: string) => `CAST(CONVERT(${text} USING utf8mb4) AS BINARY)`;
  return {
    name: described.name,
    declared,
    rule,
    nullable: described.nullable,
    generated: described.generated,
    natural,
    single: base === 'float',
    limits,
    specialValues,
    read: (reference) => {
      if (isBytes) return orTooLong(reference, `HEX(${reference})`);
      if (natural?.kind === 'bits') return `LPAD(BIN(${reference}), ${natural.length}, '0')`;
      // A cast of a double to CHAR is cut at 22 characters; the protocol's own text is not.
      if (base === 'float') return `CAST(${reference} AS DOUBLE)`;
      if (isText || base === 'set' || base === 'double') return reference;
      const text = `CAST(${reference} AS CHAR)`;
      return natural?.kind === 'json' ? orTooLong(reference, text) : text;
    },
    write: (text) => {
      if (isBytes) return `UNHEX(${text})`;
      if (natural?.kind === 'bits') return `CAST(CONV(${text}, 2, 10) AS UNSIGNED)`;
      if (base === 'year') return `CAST(${text} AS UNSIGNED)`;
      // MariaDB copies one text column into a shorter one without looking at the length; an expression it checks.
      return /^(tiny|medium)?text$/.test(base) ? `CONCAT(${text})` : text;
    },
    compare: (text) => compareAs(described, natural, text),
    equal: '=',
    asText: null,
    bytes: isExact ? null : bytesOf,
    uuidBytes:
      isExact || isFilledByUuid(described) ? null : (text) => bytesOf(limits.cased ? text : `LOWER(${text})`),
    sortsByBytes: isText && described.collation.endsWith('_bin'),
    compact: (reference, scalar) =>
      compactSql({ ...described, natural, limits, specialValues }, reference, scalar),
    canonical: (reference, scalar) =>
      canonicalSql({ ...described, natural, limits, specialValues }, reference, scalar),
  };
}

/** There is no room for blanks at its end, and no collation of ASCII takes other characters for one than the same letter in another case. */
function isFilledByUuid({ charset, length }: Described): boolean {
  return charset === 'ascii' && length === 36;
}

function zeroDate({ base, fraction }: Described): CatalogueColumn['specialValues'] {
  if (base === 'date') return [['zero', '0000-00-00']];
  if (base !== 'datetime' && base !== 'timestamp') return [];
  return [['zero', `0000-00-00 00:00:00${fraction > 0 ? `.${'0'.repeat(fraction)}` : ''}`]];
}

function limitsOf(described: Described): ColumnLimits {
  const { base, declared, length } = described;
  const isCanonicalText = canonicalTextCheck(base, described.fraction);
  switch (base) {
    case 'char':
      return { characters: length, padded: true };
    case 'varchar':
      return { characters: length };
    case 'tinytext':
    case 'text':
    case 'mediumtext':
      return /^(utf8|ascii)/.test(described.collation) ? { utf8Bytes: mostBytesOf(base) } : {};
    case 'binary':
      return { octets: length };
    case 'enum':
      return { labels: labelsOf(declared) };
    case 'set':
      return { members: labelsOf(declared) };
    case 'year':
      return { year: true };
    case 'json':
      return { jsonDoubles: true };
    case 'float':
    case 'double': {
      const decimals = /^\w+\(\d+,(\d+)\)/.exec(declared)?.[1];
      return decimals === undefined ? {} : { decimals: Number(decimals) };
    }
    default:
      return isCanonicalText ? { isCanonicalText } : {};
  }
}

/** As the server writes labels where it describes a type; `''` is the only other one. */
const labelEscapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', '0': '\u0000' };

function labelsOf(declared: string): string[] {
  return [...declared.matchAll(/'((?:[^']|'')*)'/g)].map(([, label = '']) =>
    label.replaceAll(/''|\\(.)/gs, (_, escaped: string | undefined) =>
      escaped === undefined ? "'" : (labelEscapes[escaped] ?? escaped),
    ),
  );
}

/** Brings text to the column's own type, because a comparison across types would pass its indexes by. */
function compareAs(described: Described, natural: Scalar | null, text: string): string {
  switch (natural?.kind) {
    case 'integer':
    case 'bigint':
      return `CAST(${text} AS ${/unsigned/i.test(described.declared) ? 'UNSIGNED' : 'SIGNED'})`;
    case 'decimal':
      return `CAST(${text} AS DECIMAL(${described.digits}, ${described.scale}))`;
    case 'float':
      return `CAST(${text} AS DOUBLE)`;
    case 'date':
      return `CAST(${text} AS DATE)`;
    case 'time':
      return `CAST(${text} AS TIME(${natural.precision}))`;
    case 'timestamp':
      return `CAST(${text} AS DATETIME(${natural.precision}))`;
    case 'bytes':
      return `UNHEX(${text})`;
    case 'bits':
      return `CAST(CONV(${text}, 2, 10) AS UNSIGNED)`;
    case 'set':
    case 'text':
      if (described.length === 0) return text;
      return `CONVERT(${text} USING ${described.charset}) COLLATE ${described.collation}`;
    default:
      return text;
  }
}
