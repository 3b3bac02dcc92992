import mysql from 'mysql2/promise';
import { keyText } from '../../model/canonical.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import type { BoundEntity, BoundTable, Cells } from '../columns/bound.ts';
import { fingerprinting } from '../columns/fingerprint.ts';
import { keyTexts } from '../columns/key-text.ts';
import { cellIn, textRowOf } from '../columns/rows.ts';
import type { ConnectionOptions } from '../engine/connection.ts';
import { Connections } from '../engine/connections.ts';
import { readControlMigrations } from '../engine/control-migrations.ts';
import { commitConnections, type Engine, fenceWaitMs, insertInto, type RawStored } from '../engine/engine.ts';
import { type Parameter, RollBack, type TextCells } from '../engine/session.ts';
import { createXaBranches } from './branches.ts';
import { createMysqlBulkEngine } from './bulk.ts';
import { captureStatements, isCaptureTrigger, releaseStatements } from './capture.ts';
import { silentChangeReason } from './capture-cascades.ts';
import { captureGap } from './capture-gap.ts';
import { triggerAccounts, triggersRefusedReason } from './capture-rights.ts';
import { readCatalogue, readMark } from './catalogue.ts';
import { classify, isAlreadyDone, isDeadlock } from './failures.ts';
import { grants, missingFurther } from './grants.ts';
import { createMysqlListEngine } from './list-engine.ts';
import { assertFits, StatementTooLarge } from './packet-limit.ts';
import { literal, placeOf, quote, quoteTable } from './quote.ts';
import { readStatements } from './read.ts';
import { createReadOnlyPool } from './read-only.ts';
import { readName, readRoutine } from './read-routine.ts';
import { primeStatements } from './sequences.ts';
import { beginSession, lockWaitSql } from './session.ts';
import { readSettings } from './settings.ts';
import { tableUse } from './table-use.ts';
import {
  touchCalls,
  touchListName,
  touchListRoutine,
  touchName,
  touchRefusals,
  touchRoutine,
} from './touch-routine.ts';
import { transport } from './transport.ts';
import { argumentsOf, callSql, writeName } from './write-parameters.ts';
import { writeRoutine } from './write-routine.ts';

/** Texts as the server sends them: no value is turned into a number or a Date on the way. */
const asText = (column: { string(): string | null }) => column.string();

type Rows = TextCells[];
type CellRow = (string | number | null)[] & mysql.RowDataPacket[];

export function createMysqlEngine(store: StoreName, options: ConnectionOptions): Engine {
  const { url } = options;
  const settings: mysql.PoolOptions = {
    ...transport(options),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    connectTimeout: options.connectTimeoutMs,
    charset: 'utf8mb4_bin',
    timezone: 'Z',
    jsonStrings: true,
    // A stack of its own for each statement costs more than the rest of the driver's part in a read.
    trace: false,
    // The driver would read through a statement that comes without values.
    queryFormat: (sql: string, values: Parameter[]) =>
      values.length === 0 ? sql : mysql.format(sql, values),
  };
  const pool = mysql.createPool({ ...settings, connectionLimit: options.poolSize });
  const commitPool = mysql.createPool({ ...settings, connectionLimit: commitConnections });
  const session = { store, address: options.address, statementTimeoutMs: options.statementTimeoutMs };
  const readOnly = createReadOnlyPool({ ...settings, connectionLimit: options.poolSize }, session);
  /** The largest packet that each connection takes; it does not change while the connection lasts. */
  const ready = new WeakMap<object, number>();
  const clients = new WeakMap<object, mysql.PoolConnection>();
  let lostConnections = 0;

  /** As the driver's own, but with one object for a connection instead of one for each loan. */
  function lentFrom({ pool }: mysql.Pool): Promise<mysql.PoolConnection> {
    return new Promise((resolve, reject) => {
      pool.getConnection((error, connection) => {
        if (error) {
          reject(error);
          return;
        }
        const client = clients.get(connection) ?? connection.promise();
        clients.set(connection, client);
        resolve(client);
      });
    });
  }

  async function connection(from: mysql.Pool): Promise<mysql.PoolConnection> {
    const client = await lentFrom(from);
    if (ready.has(client.connection)) return client;
    try {
      ready.set(client.connection, await beginSession(client, session));
      client.connection.on('error', () => {
        lostConnections += 1;
      });
      return client;
    } catch (error) {
      client.destroy();
      throw error;
    }
  }

  async function run(
    client: mysql.PoolConnection,
    sql: string,
    parameters: readonly Parameter[],
  ): Promise<unknown> {
    assertFits(sql, parameters, ready.get(client.connection) ?? 0);
    const [result] = await client.query({ sql, timeout: options.statementTimeoutMs, typeCast: asText }, [
      ...parameters,
    ]);
    return result;
  }

  /** The statement of each connection is prepared at its first use. */
  async function cells(sql: string, parameters: readonly string[]): Promise<(string | number | null)[][]> {
    const statement = { sql, rowsAsArray: true, timeout: options.statementTimeoutMs };
    return await connections.borrowToRead(async (client) => {
      assertFits(sql, parameters, ready.get(client.connection) ?? 0);
      const [rows] = await client.execute<CellRow[]>(statement, [...parameters]);
      return rows;
    });
  }

  const lent = (from: mysql.Pool) =>
    new Connections<mysql.PoolConnection>({
      connect: () => connection(from),
      release: (client, broken) => (broken ? client.destroy() : client.release()),
      identity: (client) => client.connection,
      query: async (client, sql, parameters) => rowsOf(await run(client, sql, parameters)),
      isBroken,
      begin: () => 'START TRANSACTION',
      // The server counts in seconds.
      lockWait: (wait) => lockWaitSql(wait ?? options.statementTimeoutMs),
    });
  const connections = lent(pool);
  const commitQuery = lent(commitPool);

  const engine: Engine = {
    kind: 'mysql',
    address: options.address,
    account: decodeURIComponent(url.username),
    database: decodeURIComponent(url.pathname.slice(1)),
    branches: createXaBranches({
      connection: () => connections.connect(),
      session: (client) => connections.session(client),
      query: commitQuery.query,
      isBroken,
    }),
    commitPool: commitQuery,
    bulk: createMysqlBulkEngine({
      connections,
      timeoutMs: options.statementTimeoutMs,
      packetOf: (client) => ready.get(client.connection) ?? 0,
    }),
    lists: createMysqlListEngine(),
    dialect: {
      table: quoteTable,
      column: quote,
      control: (table) => `lockstep_${table}`,
      furtherControlTables: ['lockstep_branches'],
      owners: `SELECT DISTINCT DEFINER AS name FROM information_schema.ROUTINES
        WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_NAME LIKE 'lockstep\\_%' AND DEFINER <> CURRENT_USER()`,
      tablesHaveOwners: false,
      additions: `SELECT CONCAT('the trigger ', TRIGGER_NAME, ' on ', EVENT_OBJECT_TABLE) AS name FROM information_schema.TRIGGERS
        WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE LIKE 'lockstep\\_%'
        UNION ALL SELECT CONCAT(TABLE_NAME, ', which is no table') FROM information_schema.TABLES
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE 'lockstep\\_%' AND TABLE_TYPE = 'VIEW'`,
      controlTables: `SELECT SUBSTR(TABLE_NAME, 10) AS name FROM information_schema.TABLES
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE 'lockstep\\_%'`,
      triggers:
        'SELECT TRIGGER_NAME AS name FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()',
      isCaptureTrigger,
      overriding: '',
      insertNew: (table, columns, key, rows) =>
        `${insertInto(table, columns, rows)} ON DUPLICATE KEY UPDATE ${key[0]} = ${table}.${key[0]}`,
      upsert: (table, columns, key) =>
        `${insertInto(table, columns)} ON DUPLICATE KEY UPDATE ${columns
          .filter((column) => !key.includes(column))
          .map((column) => `${column} = VALUES(${column})`)
          .join(', ')}`,
      millisecondsOf: (column) => `ROUND(UNIX_TIMESTAMP(${column}) * 1000)`,
      now: 'CURRENT_TIMESTAMP(3)',
      ago: (ms) => `(CURRENT_TIMESTAMP(3) - INTERVAL ${Math.floor(ms)} * 1000 MICROSECOND)`,
      sha256: (text) => `SHA2(${text}, 256)`,
      rename: (table, to) =>
        `RENAME TABLE ${quoteTable(table)} TO ${quoteTable([...table.split('.').slice(0, -1), to].join('.'))}`,
      comparesRows: false,
      constraints: null,
      // As bytes, so that nothing is converted to another character set or looked at for its form. MySQL's CONCAT_WS would begin with a
      // buffer anew for each row.
      concatBar: (values) => `CONCAT(${values.join(", _binary'|', ")})`,
      byteLength: (value) => `LENGTH(${value})`,
      asText: (value) => value,
      stringAgg: (value) => `GROUP_CONCAT(${value} SEPARATOR '\n')`,
    },

    queryReadOnly: readOnly.query,
    lostConnections: () => lostConnections,
    query: connections.query,
    transaction: (work, lockWaitMs) => connections.transaction(work, lockWaitMs),

    alone: (work) =>
      connections.borrow(async (client) => {
        const session = connections.session(client);
        const [lock] = await session.query(`SELECT GET_LOCK(${prepareLock}, ?) AS held`, [
          Math.max(1, Math.floor(options.statementTimeoutMs / 1000) - 1),
        ]);
        if (lock?.held !== '1') throw isPreparedByOther(store, options.address);
        // It must outlive the transaction. A connection that breaks takes the lock with it.
        const result = await connections.transactionOn(client, work).catch(async (error: unknown) => {
          if (!isBroken(error)) await session.query(`DO RELEASE_LOCK(${prepareLock})`);
          throw error;
        });
        await session.query(`DO RELEASE_LOCK(${prepareLock})`);
        return result;
      }),

    catalogue: (table) => readCatalogue(engine, table),
    catalogueMark: (table) => readMark(engine, table),

    async qualifiedName(table) {
      const [row] = await engine.query(
        `SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) AS name FROM information_schema.TABLES
         WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?`,
        placeOf(table),
      );
      return row?.name ?? table;
    },

    /** Each statement that defines something commits what comes before it, and itself. */
    controlMigrations: () =>
      readControlMigrations(new URL('./control/', import.meta.url), (sql) =>
        sql
          .split(/;$/m)
          .map((statement) => statement.trim())
          .filter((statement) => statement !== ''),
      ),
    isAlreadyDone,

    routineStatements(bound) {
      const { name } = bound.entity;
      const write = writeRoutine(bound, fingerprint(bound));
      const read = readRoutine(bound);
      return [
        `DROP PROCEDURE IF EXISTS ${writeName(name)}`,
        write,
        `DROP PROCEDURE IF EXISTS ${readName(name)}`,
        read,
        `DROP PROCEDURE IF EXISTS ${touchListName(name)}`,
        touchListRoutine(bound, fingerprint(bound)),
        `DROP PROCEDURE IF EXISTS ${touchName(name)}`,
        touchRoutine(bound, fingerprint(bound)),
        `ALTER PROCEDURE ${writeName(name)} COMMENT ${literal(commentOf(bound))}`,
      ];
    },

    fingerprint,

    captureStatements: (bound, on) => (on ? captureStatements(bound) : releaseStatements(bound)),
    triggersRefusedReason: () => triggersRefusedReason(connections),
    silentChangeReason: (tables) => silentChangeReason(connections, tables),
    captureGap: (tables) => captureGap(connections, tables),
    triggerAccounts: () => triggerAccounts(connections),

    async isPrepared(session, bound) {
      const names = routineNames(bound);
      const made = await session.query(
        `SELECT ROUTINE_COMMENT AS comment FROM information_schema.ROUTINES
         WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_NAME IN (?, ?, ?, ?) AND SECURITY_TYPE = 'INVOKER'`,
        names,
      );
      // The comment is the last that is made, on one of them.
      return made.length === names.length && made.some(({ comment }) => comment === commentOf(bound));
    },

    // Reads change nothing, and go on. A routine of another form has the name of its own, and is made anew.
    async leftoverStatements(session, left) {
      const names = left.flatMap((name) =>
        ['write', 'touch', 'touches'].map((kind) => routineName(kind, name)),
      );
      if (names.length === 0) return [];
      const found = await session.query(
        `SELECT ROUTINE_NAME AS name FROM information_schema.ROUTINES
         WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_NAME IN (${names.map(literal).join(', ')})`,
      );
      return found.map(({ name }) => `DROP PROCEDURE IF EXISTS ${quote(name ?? '')}`);
    },

    /** Whoever may make routines could have made them first, with the right comment, and they run with the rights of who calls them. */
    async isOwn(session, bound) {
      const [others] = await session.query(
        `SELECT COUNT(*) AS made FROM information_schema.ROUTINES
         WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_NAME IN (?, ?, ?, ?) AND DEFINER <> CURRENT_USER()`,
        routineNames(bound),
      );
      return others?.made === '0';
    },

    async callWrite(inside, bound, request) {
      const given = argumentsOf(bound, request, { fingerprint: fingerprint(bound), alone: !inside });
      const sql = callSql(bound);
      const call = async (client: mysql.PoolConnection) => {
        assertFits(sql, given, ready.get(client.connection) ?? 0);
        const [result] = await client.execute({ sql, timeout: options.statementTimeoutMs }, given);
        return result;
      };
      const result = await (inside
        ? call(connections.clientOf(inside))
        : connections.borrow(endingTransaction(call), request.fence.lockWaitMs));
      const [rows] = resultSets(result);
      // A write that has become what was asked for is answered by no rows.
      return rows ? (rows[0] ?? {}) : { status: 'applied', version: request.item.version };
    },

    touchStatement(bound, { keys, version, id, fence, mayBeSilent }) {
      const calls = touchCalls(bound);
      const leading = [fence.migration, String(fence.epoch), fingerprint(bound), version, id];
      const [only, ...others] = keys;
      if (only && others.length === 0) {
        const parameters = [...leading, mayBeSilent ? '0' : '1', keyText(only), ...keyTexts(bound, only)];
        return { ...calls.single, parameters };
      }
      const list = JSON.stringify(keys.map((key) => [keyText(key), ...keyTexts(bound, key)]));
      return { ...calls.list, parameters: [...leading, list] };
    },
    transactionProbe: null,
    touchRefusals,

    async readRows(bound, keys) {
      const list = JSON.stringify(keys.map((key) => [JSON.stringify(key), ...keyTexts(bound, key)]));
      const call = (client: mysql.PoolConnection) =>
        run(client, `CALL ${readName(bound.entity.name)}(?)`, [list]);
      const result = await connections.borrowToRead(endingTransaction(call));
      const [records = [], ...tables] = resultSets(result);
      const grouped = tables.map(byPosition);
      const stored = new Map(records.map((record) => [record.at, storedOf(bound, record, grouped)]));
      return keys.map((_, index) => {
        const found = stored.get(String(index + 1));
        if (!found) throw new TypeError('a key that was read is missing in the result');
        return found;
      });
    },

    async readCells(bound, keys) {
      const { one, parts, many } = readStatements(bound);
      const [only, ...others] = keys;
      if (only && others.length === 0)
        return [
          (
            await cells(
              one,
              parts.map((part) => only[part] ?? ''),
            )
          ).map(textsOf),
        ];
      const rowsOfKeys = keys.map((): Cells[] => []);
      const list = JSON.stringify(keys.map((texts) => ['', ...texts]));
      for (const [at, ...row] of await cells(many, [list])) rowsOfKeys[Number(at) - 1]?.push(textsOf(row));
      return rowsOfKeys;
    },

    async lockFence(session, migration) {
      const waitSeconds = Math.ceil(fenceWaitMs / 1_000);
      await session.query(
        `SET @lockstep_wait = @@SESSION.innodb_lock_wait_timeout, SESSION innodb_lock_wait_timeout = ${waitSeconds}`,
      );
      try {
        await session.query('SELECT epoch FROM lockstep_state WHERE migration = ? FOR UPDATE', [migration]);
        // Prepared branches have let go of the state, but not of their rows here.
        await session.query('SELECT id FROM lockstep_branches WHERE migration = ? FOR UPDATE', [migration]);
      } finally {
        // Not worth the failure that came before: a connection that broke is replaced.
        await session.query('SET SESSION innodb_lock_wait_timeout = @lockstep_wait').catch(() => undefined);
      }
    },

    async shareFence(session, migration, select) {
      // In READ COMMITTED, what is read beside the locked row is read after it.
      const [row] = await session.query(`${select(literal(migration))} LOCK IN SHARE MODE`);
      return row ?? null;
    },

    primeStatements: (table) => primeStatements(engine, table),

    tableUse: (table) => tableUse(engine, table),
    hidesRows: async () => false,

    grants: (rights, account) => grants(engine, rights, account),
    missingFurther: (rights, isAllowed) => missingFurther(engine, rights, isAllowed),

    settings: () => readSettings(connections),

    classify,
    isDeadlock,
    close: async () => {
      await pool.end();
      await commitPool.end();
      await readOnly.end();
    },
  };
  return engine;
}

/** Names of locks are the server's: the database is part of it. */
const prepareLock = "CONCAT('lockstep prepare ', LEFT(SHA2(DATABASE(), 256), 32))";

function routineNames({ entity: { name } }: BoundEntity): string[] {
  return ['write', 'read', 'touch', 'touches'].map((kind) => routineName(kind, name));
}

function routineName(kind: string, entity: string): string {
  return `lockstep_${kind}_${entity}`;
}

function isPreparedByOther(store: StoreName, address: string): LockstepError {
  return new LockstepError(
    'StoreUnavailable',
    `the ${store} store at ${address} is being prepared by another process; try again when that one is done`,
    { store, remedy: 'try again when the other prepare is done' },
  );
}

function storedOf(bound: BoundEntity, record: TextCells, tables: readonly Map<string, Rows>[]): RawStored {
  const rowsOfTable = (table: BoundTable, index: number) =>
    (resultOf(tables, index).get(cellIn(record, 'at') ?? '') ?? []).map((row) => textRowOf(table, row));
  return {
    version: record.version ?? '0',
    deleted: record.deleted === '1',
    digest: record.digest ?? null,
    operationId: record.operation ?? null,
    undecided: record.undecided === '1',
    rows: Object.fromEntries(bound.tables.map((table, index) => [table.name, rowsOfTable(table, index)])),
  };
}

function resultOf(tables: readonly Map<string, Rows>[], index: number): Map<string, Rows> {
  const found = tables[index];
  if (found) return found;
  throw new TypeError('the read routine gave no result for a table; run lockstep prepare');
}

/** A double comes as a number: no cast to text keeps all its digits. */
function textsOf(row: readonly (string | number | null)[]): Cells {
  return row.map((cell) => (typeof cell === 'number' ? String(cell) : cell));
}

function byPosition(rows: Rows): Map<string, Rows> {
  const positions = new Map<string, Rows>();
  for (const row of rows) {
    const position = row.at ?? '';
    const known = positions.get(position);
    if (known) known.push(row);
    else positions.set(position, [row]);
  }
  return positions;
}

function rowsOf(result: unknown): Rows {
  return Array.isArray(result) ? (result as Rows) : [];
}

/** A CALL answers with its result sets and a header at the end. */
function resultSets(result: unknown): Rows[] {
  return Array.isArray(result) ? result.filter((part): part is Rows => Array.isArray(part)) : [];
}

/**
 * For a routine with a transaction of its own. Where its statement is ended, or the server runs out of memory, stack or disk, none of its
 * handlers may hear of it: the transaction stays open, and the next one on the connection would commit what it has of a write.
 */
function endingTransaction<T>(call: (client: mysql.PoolConnection) => Promise<T>) {
  return async (client: mysql.PoolConnection, abandon: () => void): Promise<T> => {
    try {
      return await call(client);
    } catch (error) {
      if (!isBroken(error)) await client.query('ROLLBACK').catch(abandon);
      throw error;
    }
  };
}

function isBroken(error: unknown): boolean {
  if (error instanceof RollBack || error instanceof StatementTooLarge) return false;
  if (!(error instanceof Error)) return true;
  return !('sqlState' in error) || ('fatal' in error && error.fatal === true);
}

const fingerprint = fingerprinting(
  (bound) =>
    writeRoutine(bound, '') + readRoutine(bound) + touchRoutine(bound, '') + touchListRoutine(bound, ''),
);

function commentOf(bound: BoundEntity): string {
  return `lockstep ${fingerprint(bound)}`;
}
