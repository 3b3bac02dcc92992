import type { Parameter, TextCells } from '../engine/session.ts';

type Query = (sql: string, parameters?: readonly Parameter[]) => Promise<TextCells[]>;

/** Why the server cannot keep prepared transactions over these tables, with the remedy; null where it can. */
export async function preparedTransactionsUnavailableReason(
  query: Query,
  tables: readonly string[],
): Promise<string | null> {
  const [server] = await query('SELECT VERSION() AS version');
  const versionTooOld = versionTooOldReason(server?.version ?? '');
  if (versionTooOld) return versionTooOld;
  const [galera] = await query("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'");
  if (galera?.Value === 'ON') {
    return 'it is a Galera cluster (wsrep_on), which keeps no prepared transactions; use the pattern parallel';
  }
  for (const name of tables) {
    const [table = '', schema] = name.split('.').toReversed();
    const [row] = await query(
      'SELECT ENGINE AS engine FROM information_schema.TABLES WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?',
      [schema ?? null, table],
    );
    if (!row || row.engine === 'InnoDB') continue;
    return `table ${name} is kept by ${row.engine}, which has no transactions; ALTER TABLE ${name} ENGINE = InnoDB`;
  }
  return null;
}

/** Older servers lose prepared branches when their connection ends. */
function versionTooOldReason(version: string): string | null {
  const isMariaDb = version.includes('MariaDB');
  const needed = isMariaDb ? [10, 5, 0] : [5, 7, 7];
  // MariaDB may show itself to old clients as 5.5.5.
  const has = (/^(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number);
  for (const [at, least] of needed.entries()) {
    const part = has[at] ?? 0;
    if (part > least) return null;
    if (part < least) {
      const name = `${isMariaDb ? 'MariaDB' : 'MySQL'} ${has.join('.')}`;
      return `${name} loses prepared transactions with their connection; upgrade to ${needed.join('.')} or later`;
    }
  }
  return null;
}
