import type { TextCells } from '../engine/session.ts';

/** Why the server cannot keep prepared transactions, with the remedy; null where it can. */
export async function preparedTransactionsUnavailableReason(
  query: (sql: string) => Promise<TextCells[]>,
): Promise<string | null> {
  const [galera] = await query("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'");
  if (galera?.Value !== 'ON') return null;
  return 'it is a Galera cluster (wsrep_on), which keeps no prepared transactions; use the pattern parallel';
}
