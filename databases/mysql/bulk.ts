import { Readable } from 'node:stream';
import type mysql from 'mysql2/promise';
import { NotCanonical } from '../../model/not-canonical.ts';
import type { BoundColumn, BoundEntity, BoundTable } from '../columns/bound.ts';
import { equals } from '../columns/column.ts';
import { cannotBeGiven } from '../columns/too-long.ts';
import { type CopyCell, putBytes, putCell, putNull } from '../copy-format/copy-cell.ts';
import type { CopyText } from '../copy-format/copy-text.ts';
import { type BulkEngine, foreignKeysOf, LoadRefused, type RowPlaces } from '../engine/bulk-engine.ts';
import type { Connections } from '../engine/connections.ts';
import { cellNames, cellOf } from '../engine/listed-cells.ts';
import type { PlacedKey, TextCells } from '../engine/session.ts';
import { boundInsert, insertStatements, runsOf } from './insert-rows.ts';
import { placeOf, quote, quoteTable } from './quote.ts';
import { type RowPacket, streamRows, underneath } from './row-packets.ts';
import { uniqueKeys } from './unique-keys.ts';

interface BulkAccess {
  readonly connections: Connections<mysql.PoolConnection>;
  readonly timeoutMs: number;
  /** The largest packet, in bytes, that the server of a connection takes. */
  readonly packetOf: (client: mysql.PoolConnection) => number;
}

const keyType = 'VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';
const recordKeys = `JSON_TABLE(?, '$[*]' COLUMNS (at FOR ORDINALITY, record_key ${keyType} PATH '$')) k`;

/** Types whose text in a result is the one that a cast would give. */
const bare = /^(tinyint|smallint|mediumint|int|bigint|decimal|date|datetime|timestamp|time|uuid)\b/;

export function createMysqlBulkEngine({ connections, timeoutMs, packetOf }: BulkAccess): BulkEngine {
  return {
    pageCell: (column, reference) =>
      bare.test(column.declared) || column.natural?.kind === 'bytes' ? reference : column.read(reference),

    copyOut: ({ sql, parameters, limit, maxBytes }, cells, page, notLoadable) =>
      connections.borrow(async (client, abandon) => {
        // What no other statement could give, as two digits for each byte, is not copied either.
        const mostBytes = packetOf(client) / 2;
        let left = limit;
        const isWhole = await streamRows(client, { sql, parameters, timeoutMs }, (packet) => {
          putRow(cells, page, packet, { mostBytes, notLoadable });
          left -= 1;
          return page.length < maxBytes || left <= 0;
        });
        if (!isWhole) abandon();
        return isWhole;
      }),

    prefix: () => '',

    async copyIn(session, table, rows, how) {
      const client = connections.clientOf(session);
      // The server would take it, but neither a write of the row nor its reading could follow.
      if (longestRow(rows) > packetOf(client)) throw new LoadRefused(`a row of ${table.name} is too large`);
      const [server] = await session.query(localInfile);
      const bringIn = async (into: TableColumns) => {
        for (const run of runsOf(rows)) {
          if (run.isHuge) await insertBound(client, into, run.rows, timeoutMs);
          else await (server?.allowed === '1' ? load : insert)(client, into, run.rows, timeoutMs);
        }
      };
      if (how === 'new') return await bringIn(table);
      await session.query('DROP TEMPORARY TABLE IF EXISTS lockstep_page');
      await session.query(
        `CREATE TEMPORARY TABLE lockstep_page (${cellNames(table)
          .map((name) => `${name} ${anyText}`)
          .join(', ')}) ENGINE = InnoDB`,
      );
      await bringIn({
        name: 'lockstep_page',
        columns: table.columns.map((column, at) => ({ ...column, name: `c${at}`, write: asIs })),
      });
      const same = table.identity
        .map((column) => equals(column, `t.${quote(column.name)}`, cellOf(table, column)))
        .join(' AND ');
      await session.query(
        `INSERT INTO ${quoteTable(table.name)} (${table.columns.map((column) => quote(column.name)).join(', ')})
         SELECT ${table.columns.map((column) => column.write(cellOf(table, column))).join(', ')} FROM lockstep_page x
         WHERE NOT EXISTS (SELECT 1 FROM ${quoteTable(table.name)} t WHERE ${same})`,
      );
    },

    async slowCopyInReason() {
      const [row] = await connections.query(localInfile);
      return row?.allowed === '1'
        ? null
        : 'local_infile is off, and rows go in by INSERT; SET GLOBAL local_infile = 1 to let them in by LOAD DATA';
    },

    async estimateRows(table) {
      const [row] = await connections.query(
        'SELECT TABLE_ROWS AS estimate FROM information_schema.TABLES WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?',
        placeOf(table),
      );
      return row?.estimate === undefined || row.estimate === null ? null : Number(row.estimate);
    },

    async rowPlaces({ root }) {
      const [column, ...others] = root.key;
      if (!column || others.length > 0 || !root.single || !isWhole(column)) return null;
      const [row] = await connections.query(
        `SELECT MIN(${quote(column.name)}) AS least, MAX(${quote(column.name)}) AS most FROM ${quoteTable(root.name)}`,
      );
      if (row?.least == null || row.most == null) return null;
      return placesBetween(column.name, BigInt(row.least), BigInt(row.most));
    },

    parentChecks: async () => null,

    uniqueKeys: ({ name }) => uniqueKeys(connections, name),

    async foreignKeys(table) {
      return foreignKeysOf(
        await connections.query(
          `SELECT CONSTRAINT_NAME AS name, CONCAT(REFERENCED_TABLE_SCHEMA, '.', REFERENCED_TABLE_NAME) AS parent,
             COLUMN_NAME AS own, REFERENCED_COLUMN_NAME AS other FROM information_schema.KEY_COLUMN_USAGE
           WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND REFERENCED_TABLE_NAME IS NOT NULL
           ORDER BY CONSTRAINT_NAME, ORDINAL_POSITION`,
          placeOf(table),
        ),
      );
    },
    parentsFirst: true,

    /** Without those that a foreign key leans on, which cannot be dropped. */
    async secondaryIndexes(table) {
      const place = placeOf(table);
      const rows = await connections.query(
        `SELECT s.INDEX_NAME AS name, s.INDEX_TYPE AS type, s.COLUMN_NAME AS part, s.SUB_PART AS prefix
         FROM information_schema.STATISTICS s
         WHERE s.TABLE_SCHEMA = COALESCE(?, DATABASE()) AND s.TABLE_NAME = ? AND s.NON_UNIQUE = 1
           AND NOT EXISTS (SELECT 1 FROM information_schema.STATISTICS f JOIN information_schema.KEY_COLUMN_USAGE u
             ON u.TABLE_SCHEMA = f.TABLE_SCHEMA AND u.TABLE_NAME = f.TABLE_NAME AND u.COLUMN_NAME = f.COLUMN_NAME
             WHERE f.TABLE_SCHEMA = s.TABLE_SCHEMA AND f.TABLE_NAME = s.TABLE_NAME AND f.INDEX_NAME = s.INDEX_NAME
               AND f.SEQ_IN_INDEX = 1 AND u.REFERENCED_TABLE_NAME IS NOT NULL)
         ORDER BY s.INDEX_NAME, s.SEQ_IN_INDEX`,
        place,
      );
      const indexes = new Map<string, { kind: string; columns: string[] }>();
      for (const { name, type, part, prefix } of rows) {
        if (!name || !part) continue;
        const kind = type === 'FULLTEXT' || type === 'SPATIAL' ? `${type} ` : '';
        const index = indexes.get(name) ?? { kind, columns: [] };
        index.columns.push(`${quote(part)}${prefix ? `(${prefix})` : ''}`);
        indexes.set(name, index);
      }
      return [...indexes].map(
        ([name, { kind, columns }]) =>
          `CREATE ${kind}INDEX ${quote(name)} ON ${quoteTable(table)} (${columns.join(', ')})`,
      );
    },

    /**
     * A live write locks its record before it looks for the row, and we look for the record after the row is in: by locking
     * reads, so one of the two waits for the other and sees what it did.
     */
    async recordedMeanwhile(session, entity, keys) {
      const [any] = await session.query(
        'SELECT 1 AS one FROM lockstep_records WHERE entity = ? LIMIT 1 LOCK IN SHARE MODE',
        [entity],
      );
      if (!any) return [];
      return positions(
        await session.query(
          // MySQL locks nothing beside a JSON_TABLE of the same query block.
          `SELECT i.at FROM (SELECT k.at, k.record_key FROM ${recordKeys}) i
             STRAIGHT_JOIN lockstep_records r FORCE INDEX (PRIMARY) ON r.entity = ? AND r.record_key = i.record_key
           WHERE r.version > 0 LOCK IN SHARE MODE`,
          [recordList(keys.all()), entity],
        ),
      );
    },

    async lockRecords(session, entity, keys) {
      const list = recordList(keys);
      await session.query(
        `INSERT INTO lockstep_records (entity, record_key, version, deleted)
         SELECT ?, k.record_key, 0, 0 FROM ${recordKeys} ORDER BY k.at
         ON DUPLICATE KEY UPDATE version = lockstep_records.version`,
        [entity, list],
      );
      return positions(
        await session.query(
          `SELECT k.at FROM ${recordKeys} STRAIGHT_JOIN lockstep_records r FORCE INDEX (PRIMARY) ON r.entity = ? AND r.record_key = k.record_key
           WHERE r.version > 0`,
          [list, entity],
        ),
      );
    },

    async releaseRecords(session, entity, keys) {
      await session.query(
        `DELETE r FROM ${recordKeys} STRAIGHT_JOIN lockstep_records r FORCE INDEX (PRIMARY) ON r.entity = ? AND r.record_key = k.record_key
         WHERE r.version = 0`,
        [recordList(keys), entity],
      );
    },

    looksBetween: false,

    async present(session, bound, keys) {
      const list = keyList(keys.all());
      const rows = await session.query(
        `SELECT k.at FROM ${keyTable(bound)} STRAIGHT_JOIN ${quoteTable(bound.root.name)} t ON ${match(bound.root)}
         UNION SELECT k.at FROM ${keyTable(bound)} STRAIGHT_JOIN lockstep_records r
           ON r.entity = ? AND r.record_key = k.record_key WHERE r.version > 0`,
        [list, list, bound.entity.name],
      );
      return positions(rows);
    },

    async inTable(session, bound, table, keys) {
      const rows = await session.query(
        `SELECT DISTINCT k.at FROM ${keyTable(bound)} STRAIGHT_JOIN ${quoteTable(table.name)} t ON ${match(table)}`,
        [keyList(keys)],
      );
      return positions(rows);
    },

    isLockConflict: () => false,

    async removeRows(session, bound, keys) {
      for (const table of bound.owned.toReversed()) {
        await session.query(
          `DELETE t FROM ${keyTable(bound)} STRAIGHT_JOIN ${quoteTable(table.name)} t ON ${match(table)}`,
          [keyList(keys)],
        );
      }
    },
  };
}

/** It is a global setting, and may be switched between two pages. */
const localInfile = 'SELECT @@local_infile AS allowed';

type TableColumns = Pick<BoundTable, 'name' | 'columns'>;

/** One row by a prepared statement: its values travel once, and bytes as they are. */
async function insertBound(
  client: mysql.PoolConnection,
  table: TableColumns,
  row: Buffer,
  timeoutMs: number,
): Promise<void> {
  const { sql, values } = boundInsert(table, row);
  const [result] = await client.execute<mysql.ResultSetHeader>({ sql, values, timeout: timeoutMs });
  assertNoWarnings(result, table.name);
}

async function insert(
  client: mysql.PoolConnection,
  table: TableColumns,
  rows: Buffer,
  timeoutMs: number,
): Promise<void> {
  for (const sql of insertStatements(table, rows)) {
    const [result] = await client.query<mysql.ResultSetHeader>({ sql, timeout: timeoutMs });
    assertNoWarnings(result, table.name);
  }
}

/** With LOCAL the server changes or leaves out what it would refuse, and counts each as a warning. */
async function load(
  client: mysql.PoolConnection,
  { name, columns }: TableColumns,
  rows: Buffer,
  timeoutMs: number,
): Promise<void> {
  const written = columns.map((column, index) => column.write(`@lockstep_${index}`));
  const anySet = written.some((text, index) => text !== `@lockstep_${index}`);
  const targets = columns.map((column, index) => {
    const variable = `@lockstep_${index}`;
    // Beside any SET, MariaDB takes a 0 in an AUTO_INCREMENT column that has none for a wish for the next number.
    const isSet = written[index] !== variable || (anySet && isNumber(column));
    return isSet
      ? { name: variable, set: `${quote(column.name)} = ${written[index]}` }
      : { name: quote(column.name), set: null };
  });
  const sets = targets.flatMap(({ set }) => (set === null ? [] : [set]));
  const [result] = await leavingNoListeners(client, () =>
    client.query<mysql.ResultSetHeader>({
      sql: `LOAD DATA LOCAL INFILE 'lockstep' INTO TABLE ${quoteTable(name)}
      CHARACTER SET utf8mb4 FIELDS TERMINATED BY '\\t' ENCLOSED BY '' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n'
      (${targets.map((target) => target.name).join(', ')})${sets.length > 0 ? ` SET ${sets.join(', ')}` : ''}`,
      timeout: timeoutMs,
      infileStreamFactory: () => Readable.from(pieces(rows)),
    }),
  );
  assertNoWarnings(result, name);
}

function assertNoWarnings({ warningStatus }: mysql.ResultSetHeader, table: string): void {
  if (warningStatus > 0) throw new LoadRefused(`${warningStatus} warnings about rows of ${table}`);
}

/** On a connection that refused a load the driver leaves its listeners, and with them the page. */
async function leavingNoListeners<T>(client: mysql.PoolConnection, load: () => Promise<T>): Promise<T> {
  const { stream } = underneath(client);
  const before = ['pause', 'drain'].map((event) => ({ event, listeners: stream.listeners(event) }));
  try {
    return await load();
  } catch (error) {
    for (const { event, listeners } of before) {
      for (const listener of stream.listeners(event)) {
        if (!listeners.includes(listener)) stream.off(event, listener as () => void);
      }
    }
    throw error;
  }
}

function isNumber({ natural }: BoundColumn): boolean {
  return natural !== null && ['integer', 'bigint', 'float', 'boolean'].includes(natural.kind);
}

const anyText = 'LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';
const asIs = (text: string) => text;

/** In bytes. A line break within a value is escaped. */
function longestRow(rows: Buffer): number {
  let longest = 0;
  let from = 0;
  for (let end = rows.indexOf(10); end >= 0; end = rows.indexOf(10, from)) {
    longest = Math.max(longest, end - from);
    from = end + 1;
  }
  return longest;
}

const pieceBytes = 256 * 1024;

function* pieces(rows: Buffer): Generator<Buffer> {
  for (let at = 0; at < rows.length; at += pieceBytes) yield rows.subarray(at, at + pieceBytes);
}

interface Limits {
  /** Of a cell that holds bytes. */
  readonly mostBytes: number;
  readonly notLoadable: (cells: readonly (string | null)[]) => void;
}

/** A row of the text protocol: each cell is its length and its bytes, 0xfb for null. */
function putRow(
  cells: readonly CopyCell[],
  page: CopyText,
  packet: RowPacket,
  { mostBytes, notLoadable }: Limits,
): void {
  const bytes = packet.buffer;
  let at = packet.offset;
  try {
    for (const cell of cells) {
      const first = bytes[at] as number;
      if (first === 0xfb) {
        putNull(cell, page);
        at += 1;
        continue;
      }
      const from = at + headerLength(first);
      at = from + cellLength(bytes, at, first);
      if (!cell.bytes) putCell(cell, page, bytes, from, at);
      else if (at - from > mostBytes) throw cannotBeGiven();
      else putBytes(cell, page, bytes, from, at);
    }
    page.endRow();
  } catch (error) {
    if (!(error instanceof NotCanonical)) throw error;
    page.dropRow();
    notLoadable(textsOf(bytes, packet.offset, cells));
  }
}

function headerLength(first: number): number {
  if (first < 0xfb) return 1;
  return first === 0xfc ? 3 : first === 0xfd ? 4 : 9;
}

function cellLength(bytes: Buffer, at: number, first: number): number {
  if (first < 0xfb) return first;
  if (first === 0xfc) return bytes.readUInt16LE(at + 1);
  return first === 0xfd ? bytes.readUIntLE(at + 1, 3) : Number(bytes.readBigUInt64LE(at + 1));
}

function textsOf(bytes: Buffer, start: number, cells: readonly CopyCell[]): (string | null)[] {
  const texts: (string | null)[] = [];
  let at = start;
  for (const cell of cells) {
    const first = bytes[at] as number;
    if (first === 0xfb) {
      texts.push(null);
      at += 1;
      continue;
    }
    const from = at + headerLength(first);
    at = from + cellLength(bytes, at, first);
    texts.push(bytes.toString(cell.bytes ? 'hex' : 'utf8', from, at));
  }
  return texts;
}

function recordList(keys: readonly PlacedKey[]): string {
  return JSON.stringify(keys.map(({ text }) => text));
}

function keyList(keys: readonly PlacedKey[]): string {
  return JSON.stringify(keys.map(({ text, parts }) => [text, ...parts]));
}

function keyTable(bound: BoundEntity): string {
  const parts = bound.root.key.map(
    (_, index) => `k${index + 1} LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[${index + 1}]'`,
  );
  return `JSON_TABLE(?, '$[*]' COLUMNS (at FOR ORDINALITY, record_key ${keyType} PATH '$[0]', ${parts.join(', ')})) k`;
}

function match(table: BoundTable): string {
  return table.key
    .map((column, index) => equals(column, `t.${quote(column.name)}`, `k.k${index + 1}`))
    .join(' AND ');
}

/** Ordinality counts from 1. */
function positions(rows: readonly TextCells[]): number[] {
  return rows.map(({ at }) => Number(at) - 1);
}

function isWhole({ natural, scalar }: BoundColumn): boolean {
  return [natural?.kind, scalar.kind].every((kind) => kind === 'integer' || kind === 'bigint');
}

/** The places are the numbers that a key may be. */
function placesBetween(name: string, least: bigint, most: bigint): RowPlaces {
  return {
    count: most - least + 1n,
    rowsAt: (alias, places) => ({
      sql: `${alias}.${quote(name)} IN (${places.map((place) => least + place).join(', ')})`,
      parameters: [],
    }),
  };
}
