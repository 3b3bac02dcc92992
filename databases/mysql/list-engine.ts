import { escape as literalSql } from 'mysql2';
import { type BoundTable, changingColumns } from '../columns/bound.ts';
import {
  type ListEngine,
  type ListedKey,
  operationIn,
  type RecordName,
  SharedRowDiffers,
  type SharedRows,
  type TableRows,
} from '../engine/list-engine.ts';
import { cellNames, cellOf, hasIdentity, hasKey } from '../engine/listed-cells.ts';
import type { Session } from '../engine/session.ts';
import { quote, quoteTable } from './quote.ts';
import { sameBytes } from './too-long.ts';

const insertAttempts = 3;

/**
 * Lists come as rows of literals. Records and operations are found by `IN`: their columns are ASCII, and a join with texts of
 * another character set would pass their indexes by.
 */
export function createMysqlListEngine(): ListEngine {
  return {
    async lockKeys(session, bound, keys) {
      const { entity, root } = bound;
      const source = union(
        ['at', 'k', ...keyParts(keys)],
        keys.map(({ at, text, parts }) => [String(at), text, ...parts]),
      );
      // The row depends on the record, so that it is read, and locked, once the record is.
      const rows = await session.query(
        `SELECT i.at, r.version, t.${quote(root.key[0]?.name ?? '')} IS NOT NULL AS live FROM ${source} i
         STRAIGHT_JOIN lockstep_records r FORCE INDEX (PRIMARY) ON r.entity = ${literalOf(entity.name)} AND r.record_key = i.k
         LEFT JOIN ${quoteTable(root.name)} t ON ${hasKey(root.key, 'i', quote)} AND r.version >= 0 FOR UPDATE`,
      );
      return rows.flatMap(({ at, version, live }) => {
        const key = keys[Number(at)];
        return key
          ? [{ entity: entity.name, key: key.text, version: version ?? '0', isLive: live === '1' }]
          : [];
      });
    },

    async lockRecords(session, records) {
      const rows = await session.query(
        `SELECT entity, record_key, version FROM lockstep_records FORCE INDEX (PRIMARY) WHERE ${among(records)}
         ORDER BY entity, record_key FOR UPDATE`,
      );
      return rows.map(({ entity, record_key: key, version }) => ({
        entity: entity ?? '',
        key: key ?? '',
        version: version ?? '0',
      }));
    },

    async lockOrInsert(session, records) {
      await session.query(
        `INSERT INTO lockstep_records (entity, record_key, version, deleted)
         VALUES ${records.map(([entity, key]) => tuple([entity, key, '0', '0'])).join(', ')}
         ON DUPLICATE KEY UPDATE version = lockstep_records.version`,
      );
    },

    async readOperations(session, ids) {
      const rows = await session.query(
        `SELECT id, status, version, COALESCE(refusal, reason) AS reason FROM lockstep_operations WHERE id IN ${tuple(ids)}`,
      );
      return rows.map(operationIn);
    },

    async insertOperations(session, { migration, entity, epoch, operations }) {
      const rows = operations.map((one) =>
        tuple([
          one.id,
          migration,
          entity,
          one.key,
          one.kind,
          one.status,
          one.version,
          String(epoch),
          one.reason,
          one.before,
        ]),
      );
      return await orDuplicate(() =>
        session.query(
          `INSERT INTO lockstep_operations (id, migration, entity, record_key, kind, status, version, epoch, reason, before_image)
           VALUES ${rows.join(', ')}`,
        ),
      );
    },

    async deleteRows(session, bound, keys) {
      for (const table of bound.owned.toReversed()) {
        await session.query(
          `DELETE t FROM ${keySource(keys)} i STRAIGHT_JOIN ${quoteTable(table.name)} t
           ON ${hasKey(table.key, 'i', quote)}`,
        );
      }
    },

    async writeShared(session, { replacing, absent }) {
      for (const some of replacing) {
        await updateMatching(session, some.table, sharedSource(some), hasIdentity(some.table, quote));
        await insertAbsent(session, some);
      }
      for (const some of absent) {
        await insertAbsent(session, some);
        if (some.table.reference?.wins === 'refuse') await assertAlike(session, some);
      }
    },

    async writeOwned(session, bound, { keys, live, tables }) {
      for (const some of tables.filter(({ table }) => !table.single).toReversed())
        await deleteOthers(session, some, keys);
      for (const some of tables) {
        if (some.rows.length === 0) continue;
        if (some.table === bound.root && some.table.single) await writeRoot(session, some, live);
        else await upsert(session, some);
      }
    },

    async raiseRecords(session, records) {
      const rows = records.map(({ entity, key, version, deleted, digest, operationId }) =>
        tuple([entity, key, version, deleted ? '1' : '0', digest, operationId]),
      );
      await session.query(
        `INSERT INTO lockstep_records (entity, record_key, version, deleted, digest, operation) VALUES ${rows.join(', ')}
         ON DUPLICATE KEY UPDATE version = VALUES(version), deleted = VALUES(deleted), digest = VALUES(digest), operation = VALUES(operation)`,
      );
    },

    async dropUnversioned(session, records) {
      await session.query(`DELETE FROM lockstep_records WHERE version = 0 AND (${among(records)})`);
    },
  };
}

/** False where a unique index refuses it. The statement has left nothing, and the transaction goes on. */
async function orDuplicate(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof Error && 'errno' in error && error.errno === 1062) return false;
    throw error;
  }
}

/**
 * Update, or insert; never `ON DUPLICATE KEY UPDATE`, which would change another row that happens to hold the same value
 * under another unique index.
 */
async function writeRoot(
  session: Session,
  { table, rows }: TableRows,
  live: ReadonlySet<number>,
): Promise<void> {
  const there = rows.filter(({ key }) => live.has(key.at));
  const own = hasKey(table.key, 'x', quote);
  if (there.length > 0) await updateMatching(session, table, ownedSource({ table, rows: there }), own);
  const fresh = rows.filter(({ key }) => !live.has(key.at));
  if (fresh.length === 0) return;
  const values = fresh.map(
    ({ cells }) =>
      `(${table.columns.map((column, index) => column.write(literalOf(cells[index]))).join(', ')})`,
  );
  await session.query(`INSERT INTO ${quoteTable(table.name)} (${names(table)}) VALUES ${values.join(', ')}`);
}

async function upsert(session: Session, some: TableRows): Promise<void> {
  const { table } = some;
  const mine = `${hasKey(table.key, 'x', quote)} AND ${hasIdentity(table, quote)}`;
  await updateMatching(session, table, ownedSource(some), mine);
  await insertWhereAbsent(session, table, ownedSource(some), mine);
}

async function updateMatching(
  session: Session,
  table: BoundTable,
  source: string,
  matching: string,
): Promise<void> {
  const change = changingColumns(table).map(
    (column) => `t.${quote(column.name)} = ${column.write(cellOf(table, column))}`,
  );
  if (change.length === 0) return;
  await session.query(
    `UPDATE ${source} x STRAIGHT_JOIN ${quoteTable(table.name)} t ON ${matching} SET ${change.join(', ')}`,
  );
}

/** Another transaction may insert the same shared row at the same moment: once it has committed, there is nothing to insert. */
async function insertAbsent(session: Session, some: SharedRows): Promise<void> {
  const { table } = some;
  const insert = () => insertWhereAbsent(session, table, sharedSource(some), hasIdentity(table, quote));
  for (let attempt = 1; attempt < insertAttempts; attempt++) if (await orDuplicate(insert)) return;
  await insert();
}

async function insertWhereAbsent(
  session: Session,
  table: BoundTable,
  source: string,
  present: string,
): Promise<void> {
  const values = table.columns.map((column) => column.write(cellOf(table, column)));
  await session.query(
    `INSERT INTO ${quoteTable(table.name)} (${names(table)}) SELECT ${values.join(', ')} FROM ${source} x
     WHERE NOT EXISTS (SELECT 1 FROM ${quoteTable(table.name)} t WHERE ${present})`,
  );
}

async function assertAlike(session: Session, some: SharedRows): Promise<void> {
  const { table } = some;
  const alike = table.columns.map((column) => {
    const stored = `t.${quote(column.name)}`;
    const given = cellOf(table, column);
    if (column.bytes) return sameBytes(column.bytes, stored, given);
    return `${stored} <=> ${column.single ? `CAST(${given} AS FLOAT)` : column.compare(given)}`;
  });
  const [different] = await session.query(
    `SELECT 1 AS differs FROM ${sharedSource(some)} x STRAIGHT_JOIN ${quoteTable(table.name)} t ON ${hasIdentity(table, quote)}
     WHERE NOT (${alike.join(' AND ')}) LIMIT 1`,
  );
  if (different) throw new SharedRowDiffers(table.name);
}

/** Rows that a key had and has no more. */
async function deleteOthers(session: Session, some: TableRows, keys: readonly ListedKey[]): Promise<void> {
  const { table, rows } = some;
  const kept =
    rows.length === 0
      ? ''
      : `LEFT JOIN ${ownedSource(some)} x ON x.at = i.at AND ${hasIdentity(table, quote)} WHERE x.at IS NULL`;
  await session.query(
    `DELETE t FROM ${keySource(keys)} i STRAIGHT_JOIN ${quoteTable(table.name)} t
     ON ${hasKey(table.key, 'i', quote)} ${kept}`,
  );
}

/** The rows of an owned table: the place of their key, its parts, then a cell for each column. */
function ownedSource({ table, rows }: TableRows): string {
  const parts = (rows[0]?.key.parts ?? []).map((_, index) => `k${index + 1}`);
  return union(
    ['at', ...parts, ...cellNames(table)],
    rows.map(({ key, cells }) => [String(key.at), ...key.parts, ...cells]),
  );
}

function sharedSource({ table, rows }: SharedRows): string {
  return union(cellNames(table), rows);
}

function keySource(keys: readonly ListedKey[]): string {
  return union(
    ['at', ...keyParts(keys)],
    keys.map(({ at, parts }) => [String(at), ...parts]),
  );
}

function keyParts(keys: readonly ListedKey[]): string[] {
  return (keys[0]?.parts ?? []).map((_, index) => `k${index + 1}`);
}

/**
 * A table of literals. Its first row names the columns. Each SELECT is a query block, which costs more than its row, so the others are one
 * table value constructor: MySQL wants the word ROW in it, which to MariaDB is a comment.
 */
function union(columns: readonly string[], rows: readonly (readonly (string | null)[])[]): string {
  const [first = [], ...others] = rows;
  const named = first.map((value, index) => `${literalOf(value)} AS ${columns[index]}`).join(', ');
  if (others.length === 0) return `(SELECT ${named})`;
  return `(SELECT ${named} UNION ALL VALUES ${others.map((row) => `/*!80019 ROW*/${tuple(row)}`).join(', ')})`;
}

function tuple(values: readonly (string | null)[]): string {
  return `(${values.map(literalOf).join(', ')})`;
}

function literalOf(value: string | null | undefined): string {
  return literalSql(value ?? null);
}

function among(records: readonly RecordName[]): string {
  const byEntity = Map.groupBy(records, ([entity]) => entity);
  return [...byEntity]
    .map(
      ([entity, some]) =>
        `(entity = ${literalOf(entity)} AND record_key IN ${tuple(some.map(([, key]) => key))})`,
    )
    .join(' OR ');
}

function names(table: BoundTable): string {
  return table.columns.map((column) => quote(column.name)).join(', ');
}
