import {
  type BoundColumn,
  type BoundEntity,
  type BoundTable,
  type Cells,
  changingColumns,
} from '../columns/bound.ts';
import {
  type ListEngine,
  type ListedKey,
  operationIn,
  type RecordName,
  RowLeftOut,
  SharedRowDiffers,
  type SharedRows,
  type TableRows,
} from '../engine/list-engine.ts';
import { cellNames, cellOf, hasIdentity, hasKey } from '../engine/listed-cells.ts';
import type { Session, TextCells } from '../engine/session.ts';
import { names, updateOnConflict } from './on-conflict.ts';
import { quote, quoteTable, unnested } from './quote.ts';
import { copyClass } from './write-routine.ts';

/** A statement with its values, `$1` and so on. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly unknown[];
}

type Texts = readonly (string | null)[];

/**
 * Lists come as an array for each column, so that a statement is the same for any number of items.
 *
 * @param prepared runs a statement that each connection prepares once
 */
export function createPostgresqlListEngine(
  prepared: (session: Session, statement: Statement) => Promise<TextCells[]>,
): ListEngine {
  return {
    async lockKeys(session, bound, keys, byRow) {
      const records = keys.map(({ text }): RecordName => [bound.entity.name, text]);
      const locked = await this.lockRecords(session, records);
      // A statement of its own sees what was committed until the locks were there.
      const found = byRow ? await prepared(session, liveKeys(bound, keys)) : [];
      const live = new Set(found.map(({ at }) => keys[Number(at)]?.text));
      return locked.map((record) => ({ ...record, isLive: live.has(record.key) }));
    },

    async lockRecords(session, records) {
      // No other plan than one after the other locks rows of a subquery. Where one is not there, none is locked: all of them are about to be,
      // in this order, and who meets others in another order may meet a deadlock, which is looked for after a second.
      const rows = await prepared(session, {
        sql: `SELECT r.entity, r.record_key, r.version::text AS version
          FROM (SELECT * FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS l(e, k, at) ORDER BY l.at) x
          CROSS JOIN LATERAL (SELECT * FROM lockstep.records c WHERE c.entity = x.e AND c.record_key = x.k FOR UPDATE) r
          WHERE (SELECT count(*) FROM unnest($1::text[], $2::text[]) AS l(e, k) CROSS JOIN LATERAL
            (SELECT FROM lockstep.records c WHERE c.entity = l.e AND c.record_key = l.k LIMIT 1) c) = pg_catalog.cardinality($1::text[])`,
        values: namesOf(records),
      });
      return rows.map(({ entity, record_key: key, version }) => ({
        entity: entity ?? '',
        key: key ?? '',
        version: version ?? '0',
      }));
    },

    async lockOrInsert(session, records) {
      // The condition that never holds keeps the row as it is, and locked.
      await prepared(session, {
        sql: `INSERT INTO lockstep.records AS r (entity, record_key, version, deleted)
          SELECT x.e, x.k, 0, false FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS x(e, k, at) ORDER BY x.at
          ON CONFLICT (entity, record_key) DO UPDATE SET version = r.version WHERE false`,
        values: namesOf(records),
      });
    },

    async readOperations(session, ids) {
      const rows = await prepared(session, {
        sql: `SELECT o.id, o.status, o.version::text AS version, coalesce(o.refusal, o.reason) AS reason
          FROM lockstep.operations o WHERE o.id = ANY ($1::text[])`,
        values: [ids],
      });
      return rows.map(operationIn);
    },

    async insertOperations(session, { migration, entity, epoch, operations }) {
      const inserted = await prepared(session, {
        sql: `INSERT INTO lockstep.operations (id, migration, entity, record_key, kind, status, version, epoch, reason, before_image)
          SELECT x.id, $1, $2, x.k, x.kind, x.status, x.version::bigint, $3::bigint, x.reason, x.before
            FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
              AS x(id, k, kind, status, version, reason, before)
          ON CONFLICT (id) DO NOTHING RETURNING id`,
        values: [
          migration,
          entity,
          epoch,
          operations.map(({ id }) => id),
          operations.map(({ key }) => key),
          operations.map(({ kind }) => kind),
          operations.map(({ status }) => status),
          operations.map(({ version }) => version),
          operations.map(({ reason }) => reason),
          operations.map(({ before }) => before),
        ],
      });
      if (inserted.length === operations.length) return true;
      await prepared(session, {
        sql: 'DELETE FROM lockstep.operations WHERE id = ANY ($1::text[])',
        values: [inserted.map(({ id }) => id)],
      });
      return false;
    },

    async deleteRows(session, bound, keys) {
      await prepared(session, {
        sql: `SELECT pg_catalog.pg_advisory_xact_lock_shared(${copyClass}, pg_catalog.hashtext($1))`,
        values: [bound.entity.name],
      });
      for (const table of bound.owned.toReversed()) {
        await prepared(session, {
          sql: `DELETE FROM ${quoteTable(table.name)} t USING ${keySource(bound)}
            WHERE ${hasKey(table.key, 'i', quote)}`,
          values: keyValues(bound, keys),
        });
      }
    },

    async writeShared(session, { replacing, absent }) {
      for (const some of replacing) await prepared(session, replaceReferenced(some));
      for (const some of absent) {
        await prepared(session, insertAbsent(some));
        if (some.table.reference?.wins !== 'refuse') continue;
        const [found] = await prepared(session, differing(some));
        if (found) throw new SharedRowDiffers(some.table.name);
      }
    },

    async writeOwned(session, bound, rows) {
      const steps = [
        ...rows.tables
          .filter(({ table }) => !table.single)
          .toReversed()
          .map((some) => deleteOthers(bound, some, rows.keys)),
      ];
      for (const step of steps) await prepared(session, step);
      for (const some of rows.tables) {
        let written = 0;
        for (const step of upsertOwned(bound, some)) written += (await prepared(session, step)).length;
        // Where rows have nothing but their identity, one that is there is not written again.
        if (changingColumns(some.table).length > 0 && written !== some.rows.length)
          throw new RowLeftOut(some.table.name);
      }
    },

    async raiseRecords(session, records) {
      await prepared(session, {
        // All are there. Unlike an UPDATE, this finds them by the index however few the table had when the statement was planned.
        sql: `INSERT INTO lockstep.records (entity, record_key, version, deleted, digest, operation)
          SELECT x.e, x.k, x.v::bigint, x.deleted::boolean, x.digest, x.operation
            FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS x(e, k, v, deleted, digest, operation)
          ON CONFLICT (entity, record_key) DO UPDATE
            SET version = excluded.version, deleted = excluded.deleted, digest = excluded.digest, operation = excluded.operation`,
        values: [
          records.map(({ entity }) => entity),
          records.map(({ key }) => key),
          records.map(({ version }) => version),
          records.map(({ deleted }) => String(deleted)),
          records.map(({ digest }) => digest),
          records.map(({ operationId }) => operationId),
        ],
      });
    },

    async dropUnversioned(session, records) {
      await prepared(session, {
        sql: `DELETE FROM lockstep.records r USING unnest($1::text[], $2::text[]) AS x(e, k)
          WHERE r.entity = x.e AND r.record_key = x.k AND r.version = 0`,
        values: namesOf(records),
      });
    },
  };
}

/** The places of keys that have a row. */
function liveKeys(bound: BoundEntity, keys: readonly ListedKey[]): Statement {
  const { root } = bound;
  return {
    sql: `SELECT i.at FROM ${keySource(bound)}
      CROSS JOIN LATERAL (SELECT FROM ${quoteTable(root.name)} t WHERE ${hasKey(root.key, 'i', quote)} LIMIT 1) t`,
    values: keyValues(bound, keys),
  };
}

/** Rows that another one holds the place of are left to the unique index to refuse. */
function upsertOwned(bound: BoundEntity, some: TableRows): Statement[] {
  const { table } = some;
  if (some.rows.length === 0) return [];
  const values = ownedValues(bound, some);
  const from = ownedSource(bound, table);
  const into = insert(table);
  if (table.upsertable)
    return [
      {
        sql: `${into} FROM ${from} ON CONFLICT (${names(table.identity)}) ${updateOnConflict(table)} RETURNING 1 AS written`,
        values,
      },
    ];
  const own = `${hasKey(table.key, 'x', quote)} AND ${hasIdentity(table, quote)}`;
  const change = changingColumns(table).map((column) => `${quote(column.name)} = ${value(table, column)}`);
  const changed = `UPDATE ${quoteTable(table.name)} t SET ${change.join(', ')} FROM ${from} WHERE ${own}`;
  const fresh = `${into} FROM ${from} WHERE NOT EXISTS (SELECT FROM ${quoteTable(table.name)} t WHERE ${own})`;
  return (change.length === 0 ? [fresh] : [changed, fresh]).map((sql) => ({
    sql: `${sql} RETURNING 1 AS written`,
    values,
  }));
}

/** Rows that a key had and has no more. */
function deleteOthers(bound: BoundEntity, some: TableRows, keys: readonly ListedKey[]): Statement {
  const { table } = some;
  const parts = partNames(bound);
  return {
    sql: `DELETE FROM ${quoteTable(table.name)} t USING ${keySource(bound)}
      WHERE ${hasKey(table.key, 'i', quote)}
      AND NOT EXISTS (SELECT FROM ${ownedSource(bound, table, 2 + parts.length)} WHERE x.at = i.at AND ${hasIdentity(table, quote)})`,
    values: [...keyValues(bound, keys), ...ownedValues(bound, some)],
  };
}

function replaceReferenced({ table, rows }: SharedRows): Statement {
  return {
    sql: `${insert(table)} FROM ${sharedSource(table)} ON CONFLICT (${names(table.identity)}) ${updateOnConflict(table)}`,
    values: cellValues(table, rows),
  };
}

function insertAbsent({ table, rows }: SharedRows): Statement {
  return {
    sql: `${insert(table)} FROM ${sharedSource(table)} ON CONFLICT (${names(table.identity)}) DO NOTHING`,
    values: cellValues(table, rows),
  };
}

/** Gives a row where a stored row differs from the one given. */
function differing({ table, rows }: SharedRows): Statement {
  const stored = table.columns.map((column) => column.read(`t.${quote(column.name)}`)).join(', ');
  const given = table.columns.map((column) => column.read(value(table, column))).join(', ');
  return {
    sql: `SELECT 1 AS differs FROM ${sharedSource(table)} JOIN ${quoteTable(table.name)} t ON ${hasIdentity(table, quote)}
      WHERE (${stored}) IS DISTINCT FROM (${given}) LIMIT 1`,
    values: cellValues(table, rows),
  };
}

function insert(table: BoundTable): string {
  const values = table.columns.map((column) => value(table, column)).join(', ');
  return `INSERT INTO ${quoteTable(table.name)} (${names(table.columns)}) OVERRIDING SYSTEM VALUE SELECT ${values}`;
}

/** The rows of an owned table as `x`: the place of their key, its parts, then a cell for each column. */
function ownedSource(bound: BoundEntity, table: BoundTable, first = 1): string {
  return arrays('x', ['at', ...partNames(bound), ...cellNames(table)], first);
}

function ownedValues(bound: BoundEntity, { table, rows }: TableRows): Texts[] {
  const keys = rows.map(({ key }) => key);
  const cells = rows.map((row) => row.cells);
  return [...keyValues(bound, keys), ...cellValues(table, cells)];
}

function sharedSource(table: BoundTable): string {
  return arrays('x', cellNames(table), 1);
}

/** Keys as `i`: their places and parts. */
function keySource(bound: BoundEntity, first = 1): string {
  return arrays('i', ['at', ...partNames(bound)], first);
}

function arrays(alias: string, columns: readonly string[], first: number): string {
  const values = columns.map((_, index) => `$${first + index}::text[]`);
  return `${unnested(values)} AS ${alias}(${columns.join(', ')})`;
}

function cellValues(table: BoundTable, rows: readonly Cells[]): Texts[] {
  return table.columns.map((_, index) => rows.map((cells) => cells[index] ?? null));
}

function keyValues(bound: BoundEntity, keys: readonly ListedKey[]): Texts[] {
  const parts = bound.root.key.map((_, index) => keys.map((key) => key.parts[index] ?? ''));
  return [keys.map(({ at }) => String(at)), ...parts];
}

function partNames(bound: BoundEntity): string[] {
  return bound.root.key.map((_, index) => `k${index + 1}`);
}

function namesOf(records: readonly RecordName[]): Texts[] {
  return [records.map(([entity]) => entity), records.map(([, key]) => key)];
}

function value(table: BoundTable, column: BoundColumn): string {
  return column.write(cellOf(table, column));
}
