import type { BoundEntity, BoundTable } from '../columns/bound.ts';
import { equals } from '../columns/column.ts';
import { quote, quoteTable, unnested } from './quote.ts';

/** The statements that read an entity, made once for its binding. */
export interface ReadStatements {
  /** Record and rows of each key of a list, and so from one snapshot. */
  readonly stored: string;
  /** The rows of one key, of an entity that lies in one table. */
  readonly one: string;
  /** The same for a list of keys: first the position of the key, then the columns. */
  readonly many: string;
}

const known = new WeakMap<BoundEntity, ReadStatements>();

export function readStatements(bound: BoundEntity): ReadStatements {
  const made = known.get(bound) ?? { stored: storedSql(bound), one: oneSql(bound), many: manySql(bound) };
  known.set(bound, made);
  return made;
}

/** `OFFSET 0` as in `manySql`. */
function storedSql(bound: BoundEntity): string {
  const keys = bound.root.key.map((_, index) => `k${index + 1}`);
  // By places: a name of the user's might be one of ours, or be cut short.
  const tables = bound.tables.map((table, at) => {
    const cells = table.columns.map(
      (column, index) => `${column.read(`t.${quote(column.name)}`)} AS c${index}`,
    );
    return `(SELECT coalesce(pg_catalog.json_agg(x), '[]') FROM (SELECT ${cells.join(', ')} FROM ${quoteTable(table.name)} t WHERE ${belongs(bound, table)} ORDER BY ${orderOf(table)}) x) AS rows_${at}`;
  });
  return `SELECT r.version, r.deleted, r.digest, r.operation, ${undecided(bound)} AS undecided, ${tables.join(', ')}
FROM ${unnested(['key', ...keys].map((_, index) => `$${index + 1}::text[]`))} WITH ORDINALITY AS k(key, ${keys.join(', ')}, at)
LEFT JOIN LATERAL (SELECT * FROM lockstep.records c WHERE c.entity = '${bound.entity.name}' AND c.record_key = k.key OFFSET 0) r ON true
ORDER BY k.at`;
}

function oneSql({ root }: BoundEntity): string {
  const key = root.key.map((column, index) =>
    equals(column, `t.${quote(column.name)}`, `($${index + 1}::text)`),
  );
  const order = root.single ? '' : ` ORDER BY ${orderOf(root)}`;
  return `SELECT ${cellsOf(root)} FROM ${quoteTable(root.name)} t WHERE ${key.join(' AND ')}${order}`;
}

/** `OFFSET 0` keeps the planner from turning the look-ups of a short list into a read of the table. */
function manySql(bound: BoundEntity): string {
  const { root } = bound;
  const keys = root.key.map((_, index) => `k${index + 1}`);
  const lists = root.key.map((_, index) => `$${index + 1}::text[]`);
  const cells = root.columns.map((_, index) => `x.c${index}`);
  const order = root.single ? '' : ` ORDER BY ${orderOf(root)}`;
  const read = root.columns.map((column, index) => `${column.read(`t.${quote(column.name)}`)} AS c${index}`);
  return `SELECT k.at, ${cells.join(', ')}
FROM ${unnested(lists)} WITH ORDINALITY AS k(${keys.join(', ')}, at)
CROSS JOIN LATERAL (SELECT ${read.join(', ')} FROM ${quoteTable(root.name)} t WHERE ${belongs(bound, root)}${order} OFFSET 0) x`;
}

function cellsOf({ columns }: BoundTable): string {
  return columns.map((column) => column.read(`t.${quote(column.name)}`)).join(', ');
}

function orderOf({ identity }: BoundTable): string {
  return identity.map((column) => `t.${quote(column.name)}`).join(', ');
}

/** Only a write of the pattern `parallel` gets here before it is decided. */
function undecided({ entity }: BoundEntity): string {
  if (entity.pattern !== 'parallel') return 'false';
  return `EXISTS (SELECT FROM lockstep.operations p WHERE p.entity = '${entity.name}' AND p.record_key = k.key
  AND p.version IS NULL AND p.status IN ('tentative', 'parked'))`;
}

/** Whether a row, under the alias `t`, belongs to the key: by its own columns, or by the tables that lead to it. */
function belongs(bound: BoundEntity, table: BoundTable, step = 0): string {
  const { reference } = table;
  const own = step === 0 ? 't' : `o${step}`;
  if (!reference) {
    return table.key
      .map((column, index) => equals(column, `${own}.${quote(column.name)}`, `k.k${index + 1}`))
      .join(' AND ');
  }
  const owner = bound.tables.find((candidate) => candidate.name === reference.table) ?? bound.root;
  const next = `o${step + 1}`;
  const on = reference.on.map(([there, from]) => `${own}.${quote(there)} = ${next}.${quote(from)}`);
  return `EXISTS (SELECT FROM ${quoteTable(owner.name)} ${next} WHERE ${[...on, belongs(bound, owner, step + 1)].join(' AND ')})`;
}
