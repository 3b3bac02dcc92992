import type mysql from 'mysql2/promise';
import type { StoreName } from '../../model/failure.ts';
import { assertKept } from '../engine/kept-settings.ts';
import { assertLeastVersion } from '../engine/least-version.ts';
import type { TextCells } from '../engine/session.ts';
import { maxAggregateBytes } from '../engine/text-limits.ts';
import { ownSession } from './capture.ts';

export const lockWaitSql = (ms: number) =>
  `SET SESSION innodb_lock_wait_timeout = ${Math.max(1, Math.ceil(ms / 1000))}`;

/**
 * What a server's own settings may have for every session, and a session of ours must not: a transaction that nobody ends, results that
 * are cut, keys and constraints that are not looked at.
 */
const wanted = {
  // Strict, so that no value is cut or clamped in silence; zero dates are let in, because a field says which may be; a 0 is no request
  // for the next number. In the order in which servers name them. Routines keep the mode they were created under.
  sql_mode: 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',
  time_zone: '+00:00',
  autocommit: '1',
  // Another one begins a transaction after each, or ends the connection.
  completion_type: 'NO_CHAIN',
  foreign_key_checks: '1',
  unique_checks: '1',
  sql_auto_is_null: '0',
  sql_safe_updates: '0',
  sql_big_selects: '1',
  sql_select_limit: '18446744073709551615',
  group_concat_max_len: String(maxAggregateBytes),
} as const;

const isolation = 'READ-COMMITTED';

export interface SessionOf {
  readonly store: StoreName;
  readonly address: string;
  readonly statementTimeoutMs: number;
  /** Sessions for statements of a service's own. */
  readonly readOnly?: boolean;
}

/**
 * Sets what a session of ours has, and looks that it is so. Throws where the server, or a proxy before it, does not keep it.
 *
 * @returns the largest packet that the server takes of it, in bytes
 */
export async function beginSession(client: mysql.PoolConnection, session: SessionOf): Promise<number> {
  const settings = Object.entries(wanted).map(([name, value]) => `SESSION ${name} = '${value}'`);
  const access = session.readOnly ? 'READ ONLY' : 'READ WRITE';
  for (const sql of [
    `SET ${settings.map((setting) => setting.replace(/'(\d+)'$/, '$1')).join(', ')}`,
    `SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, ${access}`,
    `SET ${ownSession} = 1`,
    lockWaitSql(session.statementTimeoutMs),
  ])
    await client.query(sql);
  const names = Object.keys(wanted).map((name) => `@@SESSION.${name} AS ${name}`);
  const [found] = await look(
    client,
    `SELECT ${names.join(', ')}, @@character_set_client AS charset, ${ownSession} AS own, @@SESSION.max_allowed_packet AS packet, VERSION() AS version`,
  );
  const version = found?.version ?? '';
  assertLeastVersion(session, version.includes('MariaDB') ? 'MariaDB' : 'MySQL', version);
  // MariaDB before 11.1 calls it otherwise than MySQL.
  const [isolated] = await look(
    client,
    "SHOW SESSION VARIABLES WHERE Variable_name IN ('tx_isolation', 'transaction_isolation')",
  );
  assertKept(
    session,
    { ...wanted, charset: 'utf8mb4', own: '1', isolation },
    { ...found, isolation: isolated?.Value ?? null },
  );
  return Number(found?.packet);
}

async function look(client: mysql.PoolConnection, sql: string): Promise<TextCells[]> {
  const [rows] = await client.query({ sql, typeCast: (column) => column.string() });
  return Array.isArray(rows) ? (rows as TextCells[]) : [];
}
