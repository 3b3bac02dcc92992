import { throwFaults } from './definition-fault.ts';
import type { ScalarField } from './field.ts';
import { isObject } from './is-object.ts';
import { assertOptions, isTexts, optionFaults, unless } from './option-faults.ts';

/** How an entity lies in one store: a map of columns, or a pair of functions over rows of several tables. */
export type Shape = TableShape | RowsShape;

/** The shapes that fit an entity's type. */
export type ShapeOf<E> = TableShape<keyof E & string> | RowsShapeOf<E>;

export interface TableShape<out F extends string = string> {
  readonly form: 'columns';
  readonly table: string;
  /** Column by field; a field that is not named here lies in the column of its own name. */
  readonly columns: Readonly<Record<string, string>>;
  /** Carries the type only: the fields that are named. */
  readonly renamed?: F;
}

export interface RowsShape {
  readonly form: 'rows';
  readonly owned: readonly OwnedTable[];
  readonly referenced: readonly ReferencedTable[];
  readonly embedded: readonly EmbeddedRecord[];
  /** Grows with every change of what the functions do: nobody else can tell two versions of a function apart. */
  readonly revision: number;
  /** Whether a write may erase what of a record's own rows the functions do not give back. */
  readonly lossy: 'refuse' | 'allow';
  readonly toRows: (entity: Record<string, unknown>) => Rows;
  readonly fromRows: (rows: Rows) => Record<string, unknown>;
}

export interface RowsShapeOf<in out E> extends RowsShape {
  /** Carries the type only. */
  readonly of?: (entity: E) => E;
}

/** Rows by table. Values are what programs hold: number, bigint, string, boolean, Uint8Array, parsed JSON, null. */
export type Rows = Readonly<Record<string, readonly Row[]>>;
export type Row = Readonly<Record<string, unknown>>;

/** A table whose rows belong to the entity: written and deleted with it. Parents are declared before children. */
export interface OwnedTable {
  readonly table: string;
  /** The columns that hold the entity's key, in the key's order. */
  readonly key: readonly string[];
  /** The columns that tell the table's rows apart; they need a unique index. Default: `key`. */
  readonly identity: readonly string[];
  /** The columns that Lockstep reads and writes; others are left alone. Default: every column that is not generated. */
  readonly columns: readonly string[] | null;
  readonly fields: ColumnFields;
}

/** What the functions see of a column, where it is not what the column naturally holds (`docs/types.md`). */
export type ColumnFields = Readonly<Record<string, ScalarField>>;

/** A table of rows that many entities share. They carry guards of their own and are never deleted with an entity. */
export interface ReferencedTable {
  readonly table: string;
  /** The name of the `field.shared` record that lies here. */
  readonly shared: string;
  readonly identity: readonly string[];
  readonly columns: readonly string[] | null;
  readonly fields: ColumnFields;
  /** The table that points here, owned or referenced itself: referenced column by the column there. */
  readonly through: { readonly table: string; readonly columns: Readonly<Record<string, string>> };
  /** Who wins when writes disagree about a shared row: the newest, the first, or neither (the write is refused). */
  readonly wins: 'latest' | 'first' | 'refuse';
}

/** How many tables lie between a referenced one and the owned one that leads to it, and one more; null where none does. */
export function referenceSteps(
  shape: Pick<RowsShape, 'owned' | 'referenced'>,
  reference: ReferencedTable,
): number | null {
  let through = reference.through.table;
  for (let steps = 1; steps <= shape.referenced.length; steps++) {
    if (shape.owned.some(({ table }) => table === through)) return steps;
    const next = shape.referenced.find(({ table }) => table === through);
    if (!next) return null;
    through = next.through.table;
  }
  return null;
}

/** Where copies of a shared record lie in a denormalized table, so that copies that disagree can be told from loss. */
export interface EmbeddedRecord {
  readonly shared: string;
  readonly table: string;
  /** Column by member of the shared record. */
  readonly columns: Readonly<Record<string, string>>;
}

/**
 * A shape in which each field lies in one column of one table.
 *
 * @param table its name; in PostgreSQL with its schema where it is not on the search path
 * @param columns column by field, for the fields whose column has another name
 * @throws LockstepError `InvalidDefinition` where the names are no texts
 * @example table('accounts', { email: 'email_address' })
 */
export function table<const C extends Readonly<Record<string, string>> = Record<never, string>>(
  table: string,
  columns?: C,
): TableShape<keyof C & string> {
  const path = `table ${JSON.stringify(table)}`;
  const reason = 'must be an object, with the column of each field that lies in one of another name';
  throwFaults([
    ...unless(isName(table), path, 'must be a name'),
    ...unless(columns === undefined || isObject(columns), path, reason),
    ...Object.entries(columns ?? {}).flatMap(([field, column]) =>
      unless(isName(column), `${path}.${field}`, 'must be the name of a column'),
    ),
  ]);
  return { form: 'columns', table, columns: columns ?? {} };
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

interface TableOptions {
  key: readonly string[];
  identity?: readonly string[];
  columns?: readonly string[];
  fields?: ColumnFields;
}

interface ReferenceOptions {
  shared: string;
  identity: readonly string[];
  through: { table: string; columns: Readonly<Record<string, string>> };
  columns?: readonly string[];
  fields?: ColumnFields;
  wins?: 'latest' | 'first' | 'refuse';
}

/**
 * A shape made of two functions. `fromRows(toRows(entity))` must give the entity back, and `toRows(fromRows(rows))` the rows; both must be
 * free of side effects.
 *
 * @throws LockstepError `InvalidDefinition` where an option is none that there is, or no value of it
 * @param options `tables` are written and deleted with the entity, parents first; `referenced` ones hold what it shares
 * @example
 * rows({
 *   tables: { orders: { key: ['id'] }, lines: { key: ['order_id'], identity: ['order_id', 'position'] } },
 *   toRows: ({ id, lines }: Order) => ({ orders: [{ id }], lines: lines.map((line) => ({ order_id: id, ...line })) }),
 *   fromRows: ({ orders: [order], lines }) => ({ id: order?.id ?? '', lines: lines.map(({ order_id, ...line }) => line) }),
 * })
 */
export function rows<E, R extends { readonly [P in keyof R]: readonly object[] }>(options: {
  tables: { readonly [P in keyof R & string]?: TableOptions };
  referenced?: { readonly [P in keyof R & string]?: ReferenceOptions };
  embedded?: Readonly<
    Record<string, { table: NoInfer<keyof R & string>; columns: Readonly<Record<string, string>> }>
  >;
  /** Raise it whenever `toRows` or `fromRows` comes to mean something else. Whole, from 1. @default 1 */
  revision?: number;
  /**
   * What becomes of own rows that `toRows(fromRows(rows))` does not give back as they are. `refuse`: they are reported as `lossy`, and
   * a write that would erase them fails with `LossyShape`. `allow`: they are as good as what the functions make of them. @default 'refuse'
   */
  lossy?: 'refuse' | 'allow';
  /** The rows of each table. The type of its parameter is the entity's, that of its result the tables'. */
  toRows: (entity: E) => R;
  fromRows: (rows: NoInfer<R>) => NoInfer<E>;
}): RowsShapeOf<E> {
  assertRowsForm(options);
  const owned = Object.entries<TableOptions | undefined>(options.tables).flatMap(([table, given]) =>
    given
      ? [
          {
            table,
            key: given.key,
            identity: given.identity ?? given.key,
            columns: given.columns ?? null,
            fields: given.fields ?? {},
          },
        ]
      : [],
  );
  const referenced = Object.entries<ReferenceOptions | undefined>(options.referenced ?? {}).flatMap(
    ([table, given]) =>
      given
        ? [
            {
              ...given,
              table,
              columns: given.columns ?? null,
              fields: given.fields ?? {},
              wins: given.wins ?? ('latest' as const),
            },
          ]
        : [],
  );
  const embedded = Object.entries(options.embedded ?? {}).map(([shared, given]) => ({ shared, ...given }));
  return {
    form: 'rows',
    owned,
    referenced,
    embedded,
    revision: options.revision ?? 1,
    lossy: options.lossy ?? 'refuse',
    toRows: options.toRows as unknown as RowsShape['toRows'],
    fromRows: options.fromRows as unknown as RowsShape['fromRows'],
  };
}

const options = ['tables', 'referenced', 'embedded', 'revision', 'lossy', 'toRows', 'fromRows'];
const tableOptions = ['key', 'identity', 'columns', 'fields'];
const referenceOptions = ['shared', 'identity', 'through', 'columns', 'fields', 'wins'];

function assertRowsForm(given: object): void {
  assertOptions('rows', given, options);
  const { tables, referenced = {}, embedded = {}, revision = 1, lossy = 'refuse' } = given as Given;
  const { toRows, fromRows } = given as Given;
  throwFaults([
    ...unless(isObject(tables), 'rows.tables', 'must be an object, with the options of each table'),
    ...unless(isObject(referenced), 'rows.referenced', 'must be an object'),
    ...unless(isObject(embedded), 'rows.embedded', 'must be an object'),
    ...unless(
      Number.isSafeInteger(revision) && Number(revision) >= 1,
      'rows.revision',
      'must be a whole number of at least 1',
    ),
    ...unless(lossy === 'refuse' || lossy === 'allow', 'rows.lossy', 'is neither refuse nor allow'),
    ...unless(typeof toRows === 'function', 'rows.toRows', 'must be a function'),
    ...unless(typeof fromRows === 'function', 'rows.fromRows', 'must be a function'),
    ...membersOf(tables).flatMap(([name, one]) => tableFaults(`rows.tables.${name}`, one, tableOptions)),
    ...membersOf(referenced).flatMap(([name, one]) => referenceFaults(`rows.referenced.${name}`, one)),
    ...membersOf(embedded).flatMap(([name, one]) =>
      unless(
        isObject(one) && isName(Reflect.get(one, 'table')) && isObject(Reflect.get(one, 'columns')),
        `rows.embedded.${name}`,
        'must name a table, and in `columns` the column of each member',
      ),
    ),
  ]);
}

type Given = { readonly [name: string]: unknown };

function membersOf(value: unknown): [string, unknown][] {
  return isObject(value) ? Object.entries(value).filter(([, one]) => one !== undefined) : [];
}

function tableFaults(path: string, given: unknown, known: readonly string[]) {
  const faults = optionFaults(path, given, known);
  if (!isObject(given)) return faults;
  const { identity, columns, fields = {} } = given as Given;
  const texts = Object.entries({ identity, columns });
  return [
    ...faults,
    ...texts.flatMap(([name, value]) =>
      unless(value === undefined || isTexts(value), `${path}.${name}`, 'must be a list of columns'),
    ),
    ...unless(
      isObject(fields) && Object.values(fields).every((one) => isObject(one) && 'scalar' in one),
      `${path}.fields`,
      'must be an object of scalar fields, such as field.json()',
    ),
  ];
}

function referenceFaults(path: string, given: unknown) {
  const faults = tableFaults(path, given, referenceOptions);
  if (!isObject(given)) return faults;
  const { shared, identity, through, wins = 'latest' } = given as Given;
  return [
    ...faults,
    ...unless(isName(shared), `${path}.shared`, 'must be the name of a field.shared'),
    ...unless(identity !== undefined, `${path}.identity`, 'must be a list of columns'),
    ...unless(
      isObject(through) && isName(Reflect.get(through, 'table')) && isObject(Reflect.get(through, 'columns')),
      `${path}.through`,
      'must name the table that points here, and in `columns` the column there of each one here',
    ),
    ...unless(
      wins === 'latest' || wins === 'first' || wins === 'refuse',
      `${path}.wins`,
      'is none of latest, first and refuse',
    ),
  ];
}
