import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { StoreName } from '../../model/failure.ts';
import { assertKept } from '../engine/kept-settings.ts';
import { assertLeastVersion } from '../engine/least-version.ts';
import type { TextCells } from '../engine/session.ts';
import { ownSession } from './capture.ts';
import { text } from './quote.ts';

/**
 * What texts of values, and what a statement sees, depend on. It is set by statements when the session begins: `options` of a URL, and
 * what a role or database has, come before them, and a pooler may let no startup parameters through.
 */
const wanted = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  // A row that a policy hides would be taken for one that is not there: such a statement is refused.
  row_security: 'off',
  [ownSession]: '1',
} as const;

/** Settings without which a statement is slower, or waits longer, and not wrong. */
const quick = { jit: 'off', max_parallel_workers_per_gather: '0' };

export interface SessionOf {
  readonly store: StoreName;
  readonly address: string;
  readonly statementTimeoutMs: number;
  /** Where names without a schema are looked for; null for sessions that keep what their account has. */
  readonly path: string | null;
  /** Sessions for statements of a service's own. */
  readonly readOnly?: boolean;
  /** Another connection of the same kind, without these settings. */
  another(): pg.Client;
}

/** Sets what a session of ours has, and looks that it is so. Throws where the server, or a pooler before it, does not keep it. */
export async function beginSession(client: pg.ClientBase, session: SessionOf): Promise<void> {
  const kept = {
    ...wanted,
    ...(session.readOnly ? { default_transaction_read_only: 'on', row_security: 'on' } : {}),
    ...(session.path === null ? {} : { search_path: session.path }),
  };
  const settings = {
    ...kept,
    ...quick,
    statement_timeout: String(session.statementTimeoutMs),
    lock_timeout: String(session.statementTimeoutMs),
    idle_in_transaction_session_timeout: String(session.statementTimeoutMs * 2),
  };
  // First: an older server does not know every setting.
  const { rows } = await client.query("SELECT pg_catalog.current_setting('server_version') AS version");
  assertLeastVersion(session, 'PostgreSQL', rows[0].version);
  const mark = randomUUID();
  await client.query(
    [
      ...Object.entries(settings).map(
        ([name, value]) => `SELECT pg_catalog.set_config('${name}', ${text(value)}, false)`,
      ),
      `SET lockstep.session = '${mark}'`,
    ].join('; '),
  );
  const cells = [...Object.keys(kept), 'lockstep.session'].map(
    (name) => `pg_catalog.current_setting('${name}', true) AS "${name}"`,
  );
  const look = async (): Promise<TextCells> => {
    const { rows } = await client.query(
      `SELECT ${cells.join(', ')}, pg_catalog.pg_backend_pid()::text AS pid`,
    );
    return rows[0];
  };
  const found = await look();
  assertKept(session, kept, found);
  // A direct connection is served by the process that greeted it.
  if ('processID' in client && String(client.processID) === String(found.pid)) return;
  await besides(session.another(), async () => {
    assertKept(session, { ...kept, 'lockstep.session': mark }, await look());
  });
}

/**
 * While a transaction of another connection takes up a session. A pooler that lends sessions for a transaction lends it the one that was
 * used last: ours.
 */
async function besides(other: pg.Client, work: () => Promise<void>): Promise<void> {
  other.on('error', () => undefined);
  await other.connect();
  try {
    await other.query('BEGIN');
    await other.query('SELECT 1');
    await work();
  } finally {
    await other.end();
  }
}
