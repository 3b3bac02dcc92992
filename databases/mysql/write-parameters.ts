import type { BoundColumn, BoundEntity } from '../columns/bound.ts';
import type { WriteRequest } from '../engine/engine.ts';
import { cellName, cellNames } from '../engine/listed-cells.ts';
import { rowsByPlace } from '../engine/placed-rows.ts';
import { sharedByName } from '../engine/routine-item.ts';
import type { Parameter } from '../engine/session.ts';
import { attempting } from './attempted-write.ts';
import { quote } from './quote.ts';

/** Named everywhere, because a database's own default may be one that has no room for every character. */
export const anyText = 'LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';
export const keyType = 'VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';
const wordType = 'VARCHAR(20) CHARACTER SET ascii';

export function writeName(entity: string): string {
  return quote(`lockstep_write_${entity}`);
}

type WriteParameter = readonly [
  name: string,
  type: string,
  value: (request: WriteRequest, called: Called) => Parameter,
];

/** What of a call is not in its request. */
interface Called {
  readonly fingerprint: string;
  /** Whether it is a transaction of its own. */
  readonly alone: boolean;
}

/**
 * What an entity's write routine is called with, in order. What most writes have is a parameter of its own, the cells of the root
 * table's row too: to take them out of JSON costs more than the statements that need them. Lists are JSON.
 */
function writeParameters(bound: BoundEntity): readonly WriteParameter[] {
  const isAttempted = attempting(bound);
  return [
    ['p_migration', 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin', ({ fence }) => fence.migration],
    ['p_epoch', 'BIGINT', ({ fence }) => fence.epoch],
    ['p_fingerprint', 'VARCHAR(64)', (_, { fingerprint }) => fingerprint],
    ['p_alone', 'INT', (_, { alone }) => (alone ? 1 : 0)],
    ['p_attempt', 'INT', (request, { alone }) => (alone && isAttempted(request) ? 1 : 0)],
    ['p_locks', anyText, ({ locks }) => locks && JSON.stringify(locks)],
    ['p_mode', wordType, ({ item }) => item.mode],
    ['p_kind', wordType, ({ item }) => item.kind],
    ['p_operation', 'VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin', ({ item }) => item.operationId],
    ['p_key', keyType, ({ item }) => item.key],
    ['p_version', 'BIGINT', ({ item }) => item.version],
    ['p_expected', 'BIGINT', ({ item }) => item.expected],
    ['p_read_version', 'BIGINT', ({ item }) => item.readVersion],
    ['p_status', wordType, ({ item }) => item.status],
    ['p_digest', 'VARCHAR(64) CHARACTER SET ascii', ({ item }) => item.digest],
    ['p_before', anyText, ({ item }) => item.before],
    ['p_gone', 'INT', ({ item }) => (item.rows ? 0 : 1)],
    [
      'p_shared',
      anyText,
      ({ item }) => (item.shared.length > 0 ? JSON.stringify(sharedByName(item.shared)) : null),
    ],
    ...keyParameters(bound).map(
      (name, at): WriteParameter => [name, anyText, ({ item }) => item.parts[at] ?? null],
    ),
    ...rowParameters(bound),
  ];
}

/** How the routine of an entity is called. */
interface Call {
  readonly parameters: readonly WriteParameter[];
  readonly sql: string;
}

/** Every write goes through them. */
const known = new WeakMap<BoundEntity, Call>();

function callTo(bound: BoundEntity): Call {
  const before = known.get(bound);
  if (before) return before;
  const parameters = writeParameters(bound);
  const sql = `CALL ${writeName(bound.entity.name)}(${parameters.map(() => '?').join(', ')})`;
  const made = { parameters, sql };
  known.set(bound, made);
  return made;
}

/** The list that the routine is created with. */
export function parameterList(bound: BoundEntity): string {
  return callTo(bound)
    .parameters.map(([name, type]) => `${name} ${type}`)
    .join(', ');
}

/** The statement that calls it. */
export function callSql(bound: BoundEntity): string {
  return callTo(bound).sql;
}

/** What it is called with. */
export function argumentsOf(bound: BoundEntity, request: WriteRequest, called: Called): Parameter[] {
  return callTo(bound).parameters.map(([, , value]) => value(request, called));
}

export function keyParameters({ root }: BoundEntity): string[] {
  return root.key.map((_, index) => `p_k${index + 1}`);
}

/** Tables whose rows are in the list `p_rows`. The root table is one of them where a key may have several rows there. */
export function listedTables({ tables, root }: BoundEntity): BoundEntity['tables'] {
  return tables.filter((table) => table !== root || !root.single);
}

/** Of the root table. `p_root` says how many rows a key gets there: a shape may leave it without one. */
export function cellParameter({ root }: BoundEntity, column: BoundColumn): string {
  return `p_${cellName(root, column)}`;
}

function rowParameters(bound: BoundEntity): WriteParameter[] {
  const { root, tables } = bound;
  const at = tables.indexOf(root);
  const list: WriteParameter = [
    'p_rows',
    anyText,
    ({ item }) => item.rows && JSON.stringify(rowsByPlace(item.rows, root.single ? at : undefined)),
  ];
  const ofRoot: WriteParameter[] = [
    ['p_root', 'INT', ({ item }) => item.rows?.[at]?.length ?? null],
    ...cellNames(root).map(
      (name, index): WriteParameter => [
        `p_${name}`,
        anyText,
        ({ item }) => item.rows?.[at]?.[0]?.cells[index] ?? null,
      ],
    ),
  ];
  return [...(listedTables(bound).length > 0 ? [list] : []), ...(root.single ? ofRoot : [])];
}
