import type { CatalogueColumn, ColumnLimits } from '../columns/catalogue.ts';
import { elementTypes, postgresqlTypes, scalarOf, type TypeRule, unmapped } from '../columns/types.ts';
import { canonicalSql, compactSql } from './canonical.ts';
import { text as literal } from './quote.ts';

export interface Described {
  name: string;
  declared: string;
  /** The type below all domains, of the element where it is a list; `enum` for every enum. */
  base: string;
  cast: string;
  listed: boolean;
  nullable: boolean;
  generated: boolean;
  scale: number | null;
  precision: number;
  length: number | null;
  exact: boolean;
  /** Whether the database keeps text as UTF-8. */
  unicode: boolean;
  /** Whether a value can be given when a row is inserted, and never after. */
  inserted: boolean;
  /** Whether its collation, where it has one, sorts by bytes. */
  bytewise: boolean;
}

type ColumnType = Pick<
  CatalogueColumn,
  | 'rule'
  | 'natural'
  | 'single'
  | 'limits'
  | 'specialValues'
  | 'read'
  | 'write'
  | 'compare'
  | 'asText'
  | 'canonical'
  | 'compact'
>;

/** What a column of the type holds, and the SQL that reads and writes it. */
export function typeOf(described: Described): ColumnType {
  const rule = ruleOf(described);
  const { read, write } = sqlOf(described, rule);
  const natural = rule.holds
    ? scalarOf(rule.holds, {
        scale: described.scale,
        precision: described.precision,
        length: described.length ?? 1,
      })
    : null;
  const specialValues = specialValuesOf(described);
  return {
    rule,
    natural,
    single: described.base === 'real',
    limits: { ...limitsOf(described), cased: described.exact, inserted: described.inserted },
    specialValues,
    read,
    write,
    compare: rule.own ? (text) => `${text}::${described.cast}` : write,
    asText: isText(rule) ? asText(described) : null,
    canonical: (reference, scalar) =>
      canonicalSql({ ...described, natural, specialValues, read }, reference, scalar),
    compact: (reference, scalar) =>
      compactSql({ ...described, natural, specialValues, read }, reference, scalar),
  };
}

/** Whether a text field may lie here in PostgreSQL's own form, beside fields of another kind. */
function isText({ holds, also, own }: TypeRule): boolean {
  if (own) return also !== undefined && holds === 'text';
  return holds !== 'bytes' && also?.includes('text') === true;
}

function ruleOf({ base, listed, scale }: Described): TypeRule {
  if (listed && elementTypes[base] !== undefined) return postgresqlTypes.array ?? unmapped;
  const rule = listed ? unmapped : (postgresqlTypes[base] ?? unmapped);
  if (base === 'numeric' && scale !== null && scale < 0) {
    return { ...unmapped, rule: 'rounds before the point; change it to numeric without a scale' };
  }
  return rule;
}

function sqlOf(described: Described, rule: TypeRule): Pick<CatalogueColumn, 'read' | 'write'> {
  const { base, cast, declared, listed } = described;
  if (listed) return listSql(cast);
  if (rule.own && !isText(rule)) {
    const read = base === 'inet' ? address : (reference: string) => `${reference}::text`;
    return {
      read,
      write: (text) => `${exactly(described, text, read(`${text}::${declared}`))}::${declared}`,
    };
  }
  switch (base) {
    case 'bytea':
      return {
        read: (reference) => `pg_catalog.encode(${reference}, 'hex')`,
        write: (text) => `pg_catalog.decode(${text}, 'hex')`,
      };
    case 'timestamp with time zone':
      return {
        read: (reference) => `(${reference} AT TIME ZONE 'UTC')::text`,
        write: (text) => `(${text}::timestamp AT TIME ZONE 'UTC')`,
      };
    case 'money':
      return {
        read: (reference) => `${reference}::numeric::text`,
        write: (text) => `${text}::numeric::money`,
      };
    case 'bit':
    case 'bit varying':
      return { read: (reference) => `${reference}::text`, write: (text) => `${text}::bit varying` };
    case 'hstore':
      return {
        read: (reference) => `hstore_to_json(${reference})::text`,
        write: (text) =>
          `CASE WHEN ${text} IS NOT NULL THEN (SELECT coalesce(hstore(pg_catalog.array_agg(m.key), pg_catalog.array_agg(m.value)), '') FROM pg_catalog.json_each_text(${text}::json) m) END`,
      };
    default: {
      // Casts name the type without a length: a cast to varchar(3) would cut silently, the assignment to the column refuses.
      const to = base === 'character' ? 'bpchar' : cast;
      return { read: (reference) => `${reference}::text`, write: (text) => `${text}::${to}` };
    }
  }
}

/** A cast would add the length of the network to an address without one. */
function address(reference: string): string {
  return `CASE WHEN pg_catalog.masklen(${reference}) = CASE pg_catalog.family(${reference}) WHEN 4 THEN 32 ELSE 128 END THEN pg_catalog.host(${reference}) ELSE ${reference}::text END`;
}

/** Several dimensions and other bounds than 1 are given in PostgreSQL's own form, which is no JSON and so is refused. */
function listSql(cast: string): Pick<CatalogueColumn, 'read' | 'write'> {
  return {
    read: (reference) =>
      `CASE WHEN pg_catalog.array_ndims(${reference}) > 1 OR pg_catalog.array_lower(${reference}, 1) <> 1 THEN '=' || ${reference}::text ELSE pg_catalog.to_json(${reference})::text END`,
    write: (text) =>
      `CASE WHEN ${text} IS NOT NULL THEN ARRAY(SELECT e.v FROM pg_catalog.json_array_elements_text(${text}::json) WITH ORDINALITY AS e(v, n) ORDER BY e.n)::${cast}[] END`,
  };
}

function asText(described: Described): CatalogueColumn['asText'] {
  const { base, declared } = described;
  if (base === 'timestamp with time zone') {
    const instant = (text: string) => `(${text}::timestamp AT TIME ZONE 'UTC')`;
    const kept = (text: string) => `(${instant(text)}::${declared} AT TIME ZONE 'UTC')::text`;
    return { write: (text) => `${instant(exactly(described, text, kept(text)))}`, compare: instant };
  }
  return {
    write: (text) => `${exactly(described, text, `${text}::${declared}::text`)}::${declared}`,
    compare: (text) => `${text}::${declared}`,
  };
}

/** The text, once PostgreSQL has shown that it gives the value back in the same form. */
function exactly({ name }: Described, text: string, kept: string): string {
  return `lockstep.exactly(${text}, ${kept}, ${literal(name)})`;
}

function limitsOf({ base, listed, length, scale, precision }: Described): ColumnLimits {
  if (listed) {
    const kind = elementTypes[base];
    return kind ? { elements: { kind, scale, characters: length }, noNul: true } : {};
  }
  switch (base) {
    case 'character':
      return { characters: length ?? 1, padded: true, noNul: true };
    case 'character varying':
      return length === null ? { noNul: true } : { characters: length, noNul: true };
    case 'hstore':
      return { strings: true, noNul: true };
    case 'interval':
      return { fraction: precision, noNul: true };
    case 'json':
    case 'bytea':
      return {};
    default:
      return { noNul: true };
  }
}

function specialValuesOf({ base, listed }: Described): CatalogueColumn['specialValues'] {
  if (listed) return [];
  switch (base) {
    case 'date':
    case 'timestamp without time zone':
    case 'timestamp with time zone':
      return [
        ['infinity', 'infinity'],
        ['minusInfinity', '-infinity'],
      ];
    case 'numeric':
    case 'real':
    case 'double precision':
      return [
        ['nan', 'NaN'],
        ['infinity', 'Infinity'],
        ['minusInfinity', '-Infinity'],
      ];
    default:
      return [];
  }
}
