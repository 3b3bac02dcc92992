import { createHash } from 'node:crypto';
import pg from 'pg';
import { keyText } from '../../model/canonical.ts';
import type { StoreName } from '../../model/failure.ts';
import type { BoundEntity, Cells, TextRow } from '../columns/bound.ts';
import { fingerprinting } from '../columns/fingerprint.ts';
import { keyTexts } from '../columns/key-text.ts';
import { cellIn, textRowOf } from '../columns/rows.ts';
import type { ConnectionOptions, Tls } from '../engine/connection.ts';
import { Connections } from '../engine/connections.ts';
import { readControlMigrations } from '../engine/control-migrations.ts';
import {
  commitConnections,
  type Engine,
  fenceWaitMs,
  insertInto,
  type RawStored,
  type WriteRequest,
} from '../engine/engine.ts';
import { RollBack, type TextCells } from '../engine/session.ts';
import { createTwoPhaseBranches } from './branches.ts';
import { createPostgresqlBulkEngine } from './bulk.ts';
import { captureStatements, isCaptureTrigger, releaseStatements } from './capture.ts';
import { captureGap } from './capture-gap.ts';
import { triggerAccounts } from './capture-rights.ts';
import { readCatalogue, readMark } from './catalogue.ts';
import { classify, isDeadlock } from './failures.ts';
import { additions, owners } from './foreign-owners.ts';
import { grants, missingFurther } from './grants.ts';
import { itemJson } from './item-json.ts';
import { KeepingClient } from './keeping-client.ts';
import { createPostgresqlListEngine } from './list-engine.ts';
import { quote, quoteTable, text } from './quote.ts';
import { readStatements } from './read.ts';
import { createReadOnlyPool } from './read-only.ts';
import { searchPath } from './search-path.ts';
import { primeStatements } from './sequences.ts';
import { beginSession } from './session.ts';
import { readSettings } from './settings.ts';
import { tableUse } from './table-use.ts';
import {
  touchListRoutine,
  touchName,
  touchRefusals,
  touchRoutine,
  touchRowRoutine,
  touchRowSignature,
  touchSignatures,
  touchSql,
  transactionProbe,
} from './touch-routine.ts';
import { fenceClass, prepareClass, routineName, writeRoutine, writeSignature } from './write-routine.ts';

/** Texts as the server sends them: no value is turned into a number or a Date on the way. */
const asText = { getTypeParser: () => (value: string) => value };

/** @param tables those that are declared in this store */
export function createPostgresqlEngine(
  store: StoreName,
  options: ConnectionOptions,
  tables: readonly string[],
): Engine {
  const Client = options.isExposed ? KeepingClient : pg.Client;
  const settings: pg.PoolConfig = {
    Client,
    connectionString: options.url.toString(),
    connectionTimeoutMillis: options.connectTimeoutMs,
    // The server's own timeout comes first, unless the network swallows its answer.
    query_timeout: options.statementTimeoutMs + 1_000,
    application_name: 'lockstep',
    types: asText,
    // Said in any case: else PGSSLMODE would be asked.
    ssl: options.tls ? sslOf(options.tls) : false,
  };
  const session = {
    store,
    address: options.address,
    statementTimeoutMs: options.statementTimeoutMs,
    path: searchPath(tables),
    another: () => new Client(settings),
  };
  const onConnect = (client: pg.ClientBase) => beginSession(client, session);
  const pool = new pg.Pool({ ...settings, onConnect, max: options.poolSize });
  const commitPool = new pg.Pool({ ...settings, onConnect, max: commitConnections });
  const readOnly = createReadOnlyPool({ ...settings, max: options.poolSize }, session);
  let lostConnections = 0;
  // A connection that breaks is replaced at the next use, and its query is told; without listeners it would end the process.
  for (const some of [pool, commitPool]) {
    some.on('error', () => undefined);
    some.on('connect', (client) => {
      client.on('error', () => {
        lostConnections += 1;
      });
    });
  }

  const run = async (client: pg.PoolClient, sql: string, parameters: readonly unknown[], name?: string) => {
    const result = await client.query<TextCells>({
      text: numbered(sql),
      values: [...parameters],
      ...(name === undefined ? {} : { name }),
    });
    return result.rows;
  };
  const cells = async (text: string, values: readonly unknown[]): Promise<Cells[]> => {
    const { rows } = await connections.borrow((client) =>
      client.query<(string | null)[]>({
        name: statementName(text),
        text,
        values: [...values],
        rowMode: 'array',
      }),
    );
    return rows;
  };
  const lent = (from: pg.Pool) =>
    new Connections<pg.PoolClient>({
      connect: () => from.connect(),
      release: (client, broken) => client.release(broken),
      identity: (client) => client,
      query: (client, sql, parameters) => run(client, sql, parameters),
      isBroken,
      // In one round trip. To set it for the connection would have reads wait so long for a change of their table.
      begin: (wait) => (wait === null ? 'BEGIN' : `BEGIN; SET LOCAL lock_timeout = ${Math.ceil(wait)}`),
      lockWait: null,
    });
  const connections = lent(pool);
  const commitQuery = lent(commitPool);

  const engine: Engine = {
    kind: 'postgresql',
    address: options.address,
    account: decodeURIComponent(options.url.username),
    database: decodeURIComponent(options.url.pathname.slice(1)),
    branches: createTwoPhaseBranches({
      connect: () => connections.connect(),
      session: (client) => connections.session(client),
      query: commitQuery.query,
      isBroken,
    }),
    commitPool: commitQuery,
    bulk: createPostgresqlBulkEngine(connections),
    lists: createPostgresqlListEngine(async (session, { sql, values }) => {
      const client = connections.clientOf(session);
      return (await client.query<TextCells>({ name: statementName(sql), text: sql, values: [...values] }))
        .rows;
    }),
    dialect: {
      table: quoteTable,
      column: quote,
      control: (table) => `lockstep.${table}`,
      furtherControlTables: [],
      controlTables: `SELECT relname AS name FROM pg_class WHERE relnamespace = pg_catalog.to_regnamespace('lockstep')::oid AND relkind = 'r'`,
      owners,
      tablesHaveOwners: true,
      additions,
      triggers: 'SELECT tgname AS name FROM pg_trigger WHERE NOT tgisinternal',
      isCaptureTrigger,
      overriding: 'OVERRIDING SYSTEM VALUE ',
      insertNew: (table, columns, key, rows) =>
        `${insertInto(table, columns, rows)} ON CONFLICT (${key.join(', ')}) DO NOTHING`,
      upsert: (table, columns, key) =>
        `${insertInto(table, columns)} ON CONFLICT (${key.join(', ')}) DO UPDATE SET ${columns
          .filter((column) => !key.includes(column))
          .map((column) => `${column} = excluded.${column}`)
          .join(', ')}`,
      millisecondsOf: (column) => `(extract(epoch FROM ${column}) * 1000.0)::bigint`,
      now: 'pg_catalog.clock_timestamp()',
      // The transaction's time: unlike the clock's it is one value for the statement, so an index can be used.
      ago: (ms) => `pg_catalog.now() - interval '${Math.floor(ms)} milliseconds'`,
      sha256: (text) => `pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(${text}, 'UTF8')), 'hex')`,
      rename: (table, to) => `ALTER TABLE ${quoteTable(table)} RENAME TO ${quote(to)}`,
      comparesRows: true,
      constraints: { defer: 'SET CONSTRAINTS ALL DEFERRED', check: 'SET CONSTRAINTS ALL IMMEDIATE' },
      concatBar,
      byteLength: (value) => `pg_catalog.octet_length(${value})`,
      asText: (value) => `${value}::text`,
      stringAgg: (value) => `pg_catalog.string_agg(${value}, E'\\n')`,
    },

    queryReadOnly: readOnly.query,
    lostConnections: () => lostConnections,
    query: connections.query,
    transaction: (work, lockWaitMs) => connections.transaction(work, lockWaitMs),

    alone: (work) =>
      connections.transaction(async (session) => {
        await session.query(`SELECT pg_catalog.pg_advisory_xact_lock(${prepareClass}, 0)`);
        return await work(session);
      }),

    catalogue: (table) => readCatalogue(engine, table),
    // Prepared: each page of a copy asks, and to plan it takes longer than to run it.
    catalogueMark: (table) =>
      connections.borrow((client) =>
        readMark({ query: (sql, values = []) => run(client, sql, values, statementName(sql)) }, table),
      ),

    async qualifiedName(table) {
      const [row] = await engine.query(
        `SELECT n.nspname::text || '.' || c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.oid = pg_catalog.to_regclass(?)::oid`,
        [quoteTable(table)],
      );
      return row?.name ?? table;
    },

    /** Definitions are part of a transaction: a file is run as one, or not at all. */
    controlMigrations: () =>
      readControlMigrations(new URL('./control/', import.meta.url), (sql) => [sql.trim()]),
    isAlreadyDone: () => false,

    routineStatements(bound) {
      const made = fingerprint(bound);
      return [
        touchRowRoutine(bound),
        touchRoutine(bound, made),
        touchListRoutine(bound, made),
        writeRoutine(bound, made),
        commentOn(bound, commentOf(made)),
      ];
    },

    fingerprint,

    captureStatements: (bound, on) => (on ? captureStatements(bound) : releaseStatements(bound)),
    triggersRefusedReason: async () => null,
    silentChangeReason: async () => null,
    captureGap: (tables) => captureGap(connections, tables),
    triggerAccounts: () => triggerAccounts(connections),

    async isPrepared(session, bound) {
      // The comment is the last that is made.
      const [row] = await session.query(
        `SELECT pg_catalog.obj_description(pg_catalog.to_regprocedure(?), 'pg_proc') AS made,
          pg_catalog.to_regprocedure(?) IS NOT NULL AND pg_catalog.to_regprocedure(?) IS NOT NULL
            AND pg_catalog.to_regprocedure(?) IS NOT NULL AS touches`,
        [writeSignature(bound), ...touchSignatures(bound), touchRowSignature(bound)],
      );
      return row?.made === commentOf(fingerprint(bound)) && row.touches === 't';
    },

    async leftoverStatements(session, left, bound) {
      const names = [...left, ...bound.map(({ entity }) => entity.name)];
      if (names.length === 0) return [];
      const kept = bound.flatMap((one) => [
        writeSignature(one),
        ...touchSignatures(one),
        touchRowSignature(one),
      ]);
      const found = await session.query(
        `SELECT p.oid::regprocedure::text AS name FROM pg_proc p
         WHERE p.pronamespace = pg_catalog.to_regnamespace('lockstep')::oid AND (${names.map(isRoutineOf).join(' OR ')})
           AND p.oid <> ALL (ARRAY[${kept.map((name) => `COALESCE(pg_catalog.to_regprocedure(${text(name)})::oid, 0)`).join(', ')}]::oid[])`,
      );
      return found.map(({ name }) => `DROP FUNCTION IF EXISTS ${name}`);
    },

    // All that lies in the schema was looked at before.
    isOwn: async () => true,

    async callWrite(inside, bound, request) {
      const name = routineName(bound.entity.name);
      const call = (on: pg.PoolClient) =>
        run(on, `SELECT * FROM ${name}(?, ?, ?, ?, ?, ?)`, parametersOf(store, bound, request), name);
      const { lockWaitMs } = request.fence;
      const [row] = await (inside
        ? call(connections.clientOf(inside))
        : lockWaitMs === undefined
          ? connections.borrow(call)
          : connections.transaction((own) => call(connections.clientOf(own)), lockWaitMs));
      return row ?? {};
    },

    touchStatement(bound, { keys, version, id, fence }) {
      const [only, ...others] = keys;
      const isList = others.length > 0;
      const name = touchName(bound.entity.name);
      return {
        name: isList ? `${name}[]` : name,
        sql: touchSql(bound, isList),
        parameters: [
          fence.migration,
          String(fence.epoch),
          fingerprint(bound),
          version,
          ...(only && !isList
            ? [`${id}:1`, keyText(only), ...keyTexts(bound, only)]
            : [
                id,
                keys.map(keyText),
                ...transpose(
                  bound,
                  keys.map((key) => keyTexts(bound, key)),
                ),
              ]),
        ],
      };
    },
    transactionProbe,
    touchRefusals,

    async readRows(bound, keys) {
      const texts = keys.map((key) => keyTexts(bound, key));
      const parameters = [keys.map(keyText), ...transpose(bound, texts)];
      const { stored: text } = readStatements(bound);
      const { rows } = await connections.borrow((client) =>
        client.query<TextCells>({ name: statementName(text), text, values: parameters }),
      );
      return rows.map((row) => storedOf(bound, row));
    },

    async readCells(bound, keys) {
      const [only, ...others] = keys;
      const statements = readStatements(bound);
      if (only && others.length === 0) return [await cells(statements.one, only)];
      const rowsOfKeys = keys.map((): Cells[] => []);
      for (const [at, ...row] of await cells(statements.many, transpose(bound, keys)))
        rowsOfKeys[Number(at) - 1]?.push(row);
      return rowsOfKeys;
    },

    async lockFence(inside, migration) {
      await inside.query(`SET LOCAL lock_timeout = ${fenceWaitMs}`);
      await inside.query(`SELECT pg_catalog.pg_advisory_xact_lock(${fenceClass}, pg_catalog.hashtext(?))`, [
        migration,
      ]);
    },

    async shareFence(inside, migration, select) {
      // In one round trip. A statement of its own sees what was committed until the lock was there.
      const name = text(migration);
      const results: unknown = await connections
        .clientOf(inside)
        .query(
          `SELECT pg_catalog.pg_advisory_xact_lock_shared(${fenceClass}, pg_catalog.hashtext(${name})); ${select(name)}`,
        );
      const [, found] = results as readonly pg.QueryResult<TextCells>[];
      return found?.rows[0] ?? null;
    },

    primeStatements: (table) => primeStatements(engine, table),

    tableUse: (table) => tableUse(engine, table),

    async hidesRows(table) {
      const [row] = await engine.query(
        'SELECT pg_catalog.row_security_active(pg_catalog.to_regclass(?)::oid)::text AS hides',
        [quoteTable(table)],
      );
      return row?.hides === 'true';
    },

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

/** The driver checks the certificate before it sends anything of the account. */
function sslOf({ checksHost, ...certificates }: Tls): pg.PoolConfig['ssl'] {
  return {
    ...certificates,
    rejectUnauthorized: true,
    ...(checksHost ? {} : { checkServerIdentity: () => undefined }),
  };
}

function parametersOf(store: StoreName, bound: BoundEntity, { fence, item, locks }: WriteRequest): unknown[] {
  return [
    store,
    fence.migration,
    fence.epoch,
    fingerprint(bound),
    itemJson(item),
    locks && JSON.stringify(locks),
  ];
}

function storedOf(bound: BoundEntity, row: TextCells): RawStored {
  return {
    version: row.version ?? '0',
    deleted: row.deleted === 't',
    digest: row.digest ?? null,
    operationId: row.operation ?? null,
    undecided: row.undecided === 't',
    rows: Object.fromEntries(
      bound.tables.map((table, at) => {
        const rows = JSON.parse(cellIn(row, `rows_${at}`) ?? 'null') as TextRow[];
        return [table.name, rows.map((cells) => textRowOf(table, cells))];
      }),
    ),
  };
}

/** What the server itself did not say, it cannot be trusted to have finished with. */
function isBroken(error: unknown): boolean {
  if (error instanceof RollBack) return false;
  return !(error instanceof pg.DatabaseError) || error.severity === 'FATAL' || error.severity === 'PANIC';
}

function transpose(bound: BoundEntity, keys: readonly (readonly string[])[]): string[][] {
  return bound.root.key.map((_, index) => keys.map((key) => key[index] ?? ''));
}

function commentOn(bound: BoundEntity, made: string): string {
  return `COMMENT ON FUNCTION ${routineName(bound.entity.name)}(text, text, bigint, text, json, json) IS '${made}'`;
}

const fingerprint = fingerprinting(
  (bound) =>
    writeRoutine(bound, '') + touchRoutine(bound, '') + touchListRoutine(bound, '') + touchRowRoutine(bound),
);

/** What an entity's touch asks of its rows is named as the touch of another entity may be, and takes nothing but keys. */
function isRoutineOf(entity: string): string {
  const takesKeysAlone = `pg_catalog.oidvectortypes(p.proargtypes) NOT LIKE '%bigint%'`;
  return `(p.proname = ANY (ARRAY[${text(`write_${entity}`)}, ${text(`touch_${entity}`)}]::name[]) AND NOT (${takesKeysAlone})
    OR p.proname = ${text(`touch_row_${entity}`)}::name AND ${takesKeysAlone})`;
}

function commentOf(made: string): string {
  return `lockstep ${made}`;
}

/** The server cuts names at 63 characters. */
function statementName(sql: string): string {
  const known = statementNames.get(sql);
  if (known !== undefined) return known;
  const name = `lockstep ${createHash('sha256').update(sql).digest('hex').slice(0, 32)}`;
  statementNames.set(sql, name);
  return name;
}

const statementNames = new Map<string, string>();

/** A function takes a hundred arguments; within one, numbers need no cast, and no text is copied for each bar. */
function concatBar(values: readonly string[]): string {
  const parts = Array.from({ length: Math.ceil(values.length / 99) }, (_, at) =>
    values.slice(at * 99, (at + 1) * 99),
  );
  return parts.map((part) => `pg_catalog.concat_ws('|', ${part.join(', ')})`).join(" || '|' || ");
}

/** `?` to `$1`, `$2` …; no statement here has a question mark of another meaning outside quotes. */
function numbered(sql: string): string {
  let count = 0;
  return sql.replaceAll(/'[^']*'|"[^"]*"|\?/g, (found) => (found === '?' ? `$${++count}` : found));
}
