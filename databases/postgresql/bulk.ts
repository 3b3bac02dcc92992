import { finished } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { keyText } from '../../model/canonical.ts';
import { NotCanonical } from '../../model/not-canonical.ts';
import type { BoundColumn, BoundEntity, BoundTable } from '../columns/bound.ts';
import type { CatalogueColumn } from '../columns/catalogue.ts';
import { equals } from '../columns/column.ts';
import { textRangesOf } from '../columns/key-span.ts';
import { type CopyCell, putCell, putNull } from '../copy-format/copy-cell.ts';
import { type CopyText, cellEnd, cellsOf, cellText, isNull } from '../copy-format/copy-text.ts';
import {
  type BulkEngine,
  foreignKeysOf,
  type KeyList,
  LoadRefused,
  type RowPlaces,
  stretchBytes,
} from '../engine/bulk-engine.ts';
import type { Connections } from '../engine/connections.ts';
import { cellNames, cellOf } from '../engine/listed-cells.ts';
import type { PlacedKey, Session } from '../engine/session.ts';
import { checkedByRowReason, parentChecks } from './parent-checks.ts';
import { quote, quoteTable } from './quote.ts';
import { uniqueKeys } from './unique-keys.ts';
import { copyClass } from './write-routine.ts';

/** The size of a piece that is handed to the socket at once. */
const pieceBytes = 256 * 1024;
/** Shorter than the server's deadlock timeout: a copy gives way before a live write is taken for the victim. */
const deleteWaitMs = 500;

export function createPostgresqlBulkEngine(connections: Connections<pg.PoolClient>): BulkEngine {
  const bulk: BulkEngine = {
    pageCell: (column, reference) => (isBare(column) ? reference : column.read(reference)),

    copyOut: (query, cells, page, notLoadable) =>
      connections.borrow(async (client, abandon) => {
        const values = query.parameters.values();
        // COPY takes no parameters.
        const sql = query.sql.replaceAll(/'[^']*'|"[^"]*"|\?/g, (found) =>
          found === '?' ? pg.escapeLiteral(String(values.next().value)) : found,
        );
        // The driver's clock of the query runs until it calls this, and the stream does not: it would keep both, and the process.
        const rows = client.query(
          Object.assign(copyTo(`COPY (${sql}) TO STDOUT`), { callback: () => undefined }),
        );
        let left = query.limit;
        // Of a row that has not ended: put together once, when it has.
        let rest: Buffer[] = [];
        let taken = 0;
        try {
          for await (const chunk of rows as AsyncIterable<Buffer>) {
            rest.push(chunk);
            taken += chunk.length;
            if (taken >= stretchBytes) {
              taken = 0;
              await setImmediate();
            }
            if (!chunk.includes(10)) continue;
            const bytes = rest.length === 1 ? chunk : Buffer.concat(rest);
            rest = [];
            let from = 0;
            for (let end = bytes.indexOf(10, from); end >= 0; end = bytes.indexOf(10, from)) {
              putRow(cells, page, bytes, from, end, notLoadable);
              from = end + 1;
              left -= 1;
              if (page.length < query.maxBytes || left <= 0) continue;
              // The server would send the other rows all the same.
              abandon();
              return false;
            }
            if (from < bytes.length) rest = [bytes.subarray(from)];
          }
          return true;
        } finally {
          rows.callback();
        }
      }),

    prefix(column) {
      const written = column.write('x');
      if (written === "pg_catalog.decode(x, 'hex')") return '\\x';
      // What a cast from text gives, COPY gives too; times are in UTC in every session of ours.
      return /^x::[\w". ]+$/.test(written) || written === "(x::timestamp AT TIME ZONE 'UTC')" ? '' : null;
    },

    async copyIn(session, table, rows, how) {
      const client = connections.clientOf(session);
      const names = table.columns.map((column) => quote(column.name)).join(', ');
      if (how !== 'absent' && table.columns.every((column) => bulk.prefix(column) !== null)) {
        if (how === 'unchecked') await client.query('SET LOCAL session_replication_role = replica');
        const taken = await copy(client, `${quoteTable(table.name)} (${names})`, rows);
        if (how === 'unchecked') await client.query('SET LOCAL session_replication_role = origin');
        if (taken !== rowsIn(rows)) throw new LoadRefused(`${table.name} left rows out`);
        return;
      }
      const staging = 'pg_temp.lockstep_page';
      const cells = table.columns.map((column, at) => `c${at} ${stagedType(bulk.prefix(column))}`);
      await session.query(`DROP TABLE IF EXISTS ${staging}`);
      await session.query(
        `CREATE TEMPORARY TABLE lockstep_page (at bigserial, ${cells.join(', ')}) ON COMMIT DROP`,
      );
      await copy(client, `${staging} (${cellNames(table).join(', ')})`, rows);
      const identity = table.identity.map((column) => quote(column.name)).join(', ');
      const same = table.identity.map((column) => cellOf(table, column)).join(', ');
      const values = table.columns.map((column) => stagedValue(bulk.prefix(column), table, column));
      // Of several copies the first is taken; ordered, so that two pages do not wait for each other.
      const { rowCount } = await client.query(
        how === 'absent'
          ? `INSERT INTO ${quoteTable(table.name)} (${names}) OVERRIDING SYSTEM VALUE
             SELECT ${values.join(', ')} FROM (SELECT DISTINCT ON (${same}) * FROM ${staging} x ORDER BY ${same}, x.at) x
             ON CONFLICT (${identity}) DO NOTHING`
          : `INSERT INTO ${quoteTable(table.name)} (${names}) OVERRIDING SYSTEM VALUE SELECT ${values.join(', ')} FROM ${staging} x`,
      );
      if (how === 'new' && rowCount !== rowsIn(rows)) throw new LoadRefused(`${table.name} left rows out`);
    },

    async parentChecks(session, table) {
      // Others come in by a statement on which rules work, and their texts are not what the columns are given.
      if (table.columns.some((column) => bulk.prefix(column) === null)) return null;
      return await parentChecks(connections.clientOf(session), table);
    },

    async slowCopyInReason(tables) {
      const reason = await checkedByRowReason(connections);
      if (reason === null) return null;
      for (const table of tables)
        if ((await bulk.foreignKeys(table)).length > 0) return `foreign keys of ${table}: ${reason}`;
      return null;
    },

    estimateRows: (table) =>
      connections.borrow(async (client) => {
        const { rows } = await client.query<{ rows: string }>(
          'SELECT reltuples::bigint AS rows FROM pg_class WHERE oid = pg_catalog.to_regclass($1)::oid AND reltuples > 0::real',
          [quoteTable(table)],
        );
        return rows[0] ? Number(rows[0].rows) : null;
      }),

    async rowPlaces({ root }) {
      // Rows of one key may lie in several places. Its first row alone counts, where the columns tell keys apart as we do.
      if (!root.single && root.key.some((column) => column.bytes !== null)) return null;
      const [row] = await connections.query(
        `SELECT pg_catalog.pg_relation_size(c.oid) / b.size AS blocks, (b.size - 24) / 28 AS slots
         FROM pg_class c CROSS JOIN (SELECT pg_catalog.current_setting('block_size')::integer AS size) b
         JOIN pg_am a ON a.oid = c.relam AND a.amname = 'heap'
         WHERE c.oid = pg_catalog.to_regclass(?)::oid AND c.relkind = 'r'
           AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid)`,
        [quoteTable(root.name)],
      );
      return row?.blocks && row.slots ? placesInBlocks(root, BigInt(row.blocks), BigInt(row.slots)) : null;
    },

    uniqueKeys: (table) => uniqueKeys(connections, table),

    foreignKeys: async (table) =>
      foreignKeysOf(
        await connections.query(
          `SELECT c.oid::text AS name, n.nspname::text || '.' || p.relname::text AS parent, a.attname AS own, b.attname AS other,
             c.condeferrable::text AS deferrable
           FROM pg_constraint c JOIN pg_class p ON p.oid = c.confrelid JOIN pg_namespace n ON n.oid = p.relnamespace
           CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY AS k(own, other, at)
           JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.own
           JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.other
           WHERE c.conrelid = pg_catalog.to_regclass(?)::oid AND c.contype = 'f' ORDER BY c.oid, k.at`,
          [quoteTable(table)],
        ),
      ),
    parentsFirst: false,

    secondaryIndexes: (table) =>
      connections.borrow(async (client) => {
        const { rows } = await client.query<{ made: string }>(
          `SELECT pg_catalog.pg_get_indexdef(i.indexrelid) AS made FROM pg_index i
           WHERE i.indrelid = pg_catalog.to_regclass($1)::oid AND NOT i.indisunique AND NOT i.indisexclusion ORDER BY 1`,
          [quoteTable(table)],
        );
        return rows.map(({ made }) => made);
      }),

    async recordedMeanwhile(session, entity, keys) {
      await session.query(`SET LOCAL lock_timeout = ${deleteWaitMs}`);
      await session.query(`SELECT pg_catalog.pg_advisory_xact_lock(${copyClass}, pg_catalog.hashtext(?))`, [
        entity,
      ]);
      // A statement of its own: its snapshot is taken when the lock is held.
      const between = await recordsBetween(session, entity, keys);
      if (between) return keys.among(between);
      const [any] = await session.query('SELECT 1 AS one FROM lockstep.records WHERE entity = ? LIMIT 1', [
        entity,
      ]);
      if (!any) return [];
      return positions(
        await connections.clientOf(session).query({
          text: `SELECT k.at FROM pg_catalog.unnest($2::text[]) WITH ORDINALITY AS k(key, at)
            JOIN lockstep.records r ON r.entity = $1 AND r.record_key = k.key WHERE r.version > 0`,
          values: [entity, keys.all().map(({ text }) => text)],
        }),
      );
    },

    async lockRecords(session, entity, keys) {
      const client = connections.clientOf(session);
      const texts = keys.map(({ text }) => text);
      await client.query({
        text: `INSERT INTO lockstep.records (entity, record_key, version, deleted)
          SELECT $1, k.key, 0, false FROM pg_catalog.unnest($2::text[]) WITH ORDINALITY AS k(key, at) ORDER BY k.at
          ON CONFLICT (entity, record_key) DO NOTHING`,
        values: [entity, texts],
      });
      return positions(
        await client.query({
          text: `SELECT k.at FROM pg_catalog.unnest($2::text[]) WITH ORDINALITY AS k(key, at)
            JOIN lockstep.records r ON r.entity = $1 AND r.record_key = k.key WHERE r.version > 0`,
          values: [entity, texts],
        }),
      );
    },

    async releaseRecords(session, entity, keys) {
      await connections.clientOf(session).query({
        text: `DELETE FROM lockstep.records r USING pg_catalog.unnest($2::text[]) AS k(key)
          WHERE r.entity = $1 AND r.record_key = k.key AND r.version = 0`,
        values: [entity, keys.map(({ text }) => text)],
      });
    },

    looksBetween: true,

    async present(session, bound, keys) {
      const rows = await rowsBetween(session, bound.root, keys);
      const records = rows && (await recordsBetween(session, bound.entity.name, keys));
      if (records) return keys.among([...rows, ...records]);
      return positions(
        await connections.clientOf(session).query({
          text: `SELECT k.at FROM ${keyList(bound)}
            WHERE EXISTS (SELECT FROM ${quoteTable(bound.root.name)} t WHERE ${match(bound.root)})
              OR EXISTS (SELECT FROM lockstep.records r WHERE r.entity = $1 AND r.record_key = k.key AND r.version > 0)`,
          values: keyValues(bound, keys.all()),
        }),
      );
    },

    async inTable(session, bound, table, keys) {
      return positions(
        await connections.clientOf(session).query({
          text: `SELECT k.at FROM ${keyList(bound)}
            WHERE $1 <> '' AND EXISTS (SELECT FROM ${quoteTable(table.name)} t WHERE ${match(table)})`,
          values: keyValues(bound, keys),
        }),
      );
    },

    isLockConflict: (error) => error instanceof pg.DatabaseError && error.code === '55P03',

    async removeRows(session, bound, keys) {
      for (const table of bound.owned.toReversed()) {
        await connections.clientOf(session).query({
          text: `DELETE FROM ${quoteTable(table.name)} t USING ${keyList(bound)} WHERE $1 <> '' AND ${match(table)}`,
          values: keyValues(bound, keys),
        });
      }
    },
  };
  return bulk;
}

/** Texts of the keys within the span that have a row; null where there is none, or so many that it is better to ask by keys. */
async function rowsBetween(session: Session, root: BoundTable, keys: KeyList): Promise<string[] | null> {
  const span = keys.span();
  const [column] = root.key;
  if (!span || !column) return null;
  const most = mostBetween(keys);
  const name = `t.${quote(column.name)}`;
  const rows = await session.query(
    `SELECT ${name}::text AS key FROM ${quoteTable(root.name)} t WHERE ${name} BETWEEN ?::bigint AND ?::bigint
     ORDER BY ${name} LIMIT ${most + 1}`,
    [String(span.first), String(span.last)],
  );
  return rows.length > most ? null : rows.map(({ key }) => keyText([key ?? '']));
}

/** The same of those that have a record. */
async function recordsBetween(session: Session, entity: string, keys: KeyList): Promise<string[] | null> {
  const span = keys.span();
  if (!span) return null;
  const most = mostBetween(keys);
  // By the order, in which the index has them, no plan is taken that reads the whole table.
  const ranges = textRangesOf(span).map(({ from, to }) => ({
    sql: `(SELECT record_key FROM lockstep.records WHERE entity = ? AND record_key BETWEEN ? AND ? AND length(record_key) = ?
       AND version > 0 ORDER BY record_key LIMIT ${most + 1})`,
    parameters: [entity, from, to, from.length],
  }));
  const rows = await session.query(
    ranges.map(({ sql }) => sql).join(' UNION ALL '),
    ranges.flatMap(({ parameters }) => parameters),
  );
  return rows.length > most ? null : rows.map(({ record_key }) => record_key ?? '');
}

function mostBetween(keys: KeyList): number {
  return Math.max(50, Math.floor(keys.length / 20));
}

const bareKinds = ['integer', 'bigint', 'decimal', 'float', 'date', 'time', 'timestamp', 'uuid', 'text'];

/** Whether COPY gives the text that a cast would give. */
function isBare({ natural, rule, limits, read }: CatalogueColumn): boolean {
  if (!natural || rule.own || limits.padded || read('x') !== 'x::text') return false;
  return bareKinds.includes(natural.kind);
}

/**
 * Awaits the answer, not only the last byte: a refusal comes with it, or before it. From then on the stream has no connection
 * any more, and must be given nothing, not even its end.
 *
 * @returns how many rows the table has taken
 */
async function copy(client: pg.PoolClient, into: string, rows: Buffer): Promise<number> {
  const stream = client.query(copyFrom(`COPY ${into} FROM STDIN`));
  let isOver = false;
  const ended = finished(stream).finally(() => {
    isOver = true;
  });
  // Handled below; a refusal may come while the pieces are still being written.
  const streamEnded = ended.catch(() => undefined);
  for (let at = 0; at < rows.length && !isOver; at += pieceBytes) {
    const piece = rows.subarray(at, at + pieceBytes);
    await Promise.race([streamEnded, new Promise<void>((sent) => stream.write(piece, () => sent()))]);
  }
  if (!isOver) stream.end();
  await ended;
  return stream.rowCount;
}

/** A line break within a value is escaped. */
function rowsIn(rows: Buffer): number {
  let count = 0;
  for (let at = rows.indexOf(10); at >= 0; at = rows.indexOf(10, at + 1)) count += 1;
  return count;
}

/** A row that COPY gave: its cells are escaped already. */
function putRow(
  cells: readonly CopyCell[],
  page: CopyText,
  bytes: Buffer,
  from: number,
  end: number,
  notLoadable: (cells: readonly (string | null)[]) => void,
): void {
  let at = from;
  try {
    for (const cell of cells) {
      const stop = cellEnd(bytes, at, end);
      if (isNull(bytes, at, stop)) putNull(cell, page);
      else if (cell.plain) putCell(cell, page, bytes, at, stop);
      else if (cell.fits(bytes, at, stop) && cell.prefix === '') page.escaped(bytes, at, stop);
      else page.string(cell.convert(cellText(bytes, at, stop) ?? ''), cell.prefix);
      at = stop + 1;
    }
    page.endRow();
  } catch (error) {
    if (!(error instanceof NotCanonical)) throw error;
    page.dropRow();
    notLoadable(cellsOf(bytes, from, end));
  }
}

function stagedType(prefix: string | null): string {
  return prefix === null || prefix === '' ? 'text' : 'bytea';
}

function stagedValue(prefix: string | null, table: BoundTable, column: BoundColumn): string {
  const staged = cellOf(table, column);
  return prefix === null || prefix === '' ? column.write(staged) : staged;
}

function keyList(bound: BoundEntity): string {
  const parts = bound.root.key.map((_, index) => `k${index + 1}`);
  const arrays = parts.map((_, index) => `$${index + 3}::text[]`);
  return `unnest($2::text[], ${arrays.join(', ')}) WITH ORDINALITY AS k(key, ${parts.join(', ')}, at)`;
}

function keyValues(bound: BoundEntity, keys: readonly PlacedKey[]): unknown[] {
  return [
    bound.entity.name,
    keys.map(({ text }) => text),
    ...bound.root.key.map((_, index) => keys.map(({ parts }) => parts[index] ?? '')),
  ];
}

function match(table: BoundTable): string {
  return table.key
    .map((column, index) => equals(column, `t.${quote(column.name)}`, `k.k${index + 1}`))
    .join(' AND ');
}

/** Ordinality counts from 1. */
function positions({ rows }: pg.QueryResult<{ at: string }>): number[] {
  return rows.map(({ at }) => Number(at) - 1);
}

/** A row is in one slot of one block; a block has never more than `slots`, which the smallest row possible would need. */
function placesInBlocks(root: BoundTable, blocks: bigint, slots: bigint): RowPlaces {
  return {
    count: blocks * slots,
    rowsAt(alias, places) {
      const tids = places.map((place) => `"(${place / slots},${(place % slots) + 1n})"`);
      return {
        sql: `${alias}.ctid = ANY(?::tid[])${root.single ? '' : ` AND NOT EXISTS (${earlierRow(root, alias)})`}`,
        parameters: [`{${tids.join(',')}}`],
      };
    },
  };
}

function earlierRow(root: BoundTable, alias: string): string {
  const cells = (of: string) => `(${root.identity.map(({ name }) => `${of}.${quote(name)}`).join(', ')})`;
  const own = root.key.map(({ name }) => `e.${quote(name)} = ${alias}.${quote(name)}`);
  return `SELECT FROM ${quoteTable(root.name)} e WHERE ${own.join(' AND ')} AND ${cells('e')} < ${cells(alias)}`;
}
