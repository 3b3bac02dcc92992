import type { TriggerAccount } from '../contract/capture.ts';
import type { Session, TextCells } from '../engine/session.ts';

/** No such account; no such grant. */
const unknownAccount = new Set([1133, 1141, 1410, 3162]);

/** Why this account may make no trigger while the server writes a binary log; null where it may. */
export async function triggersRefusedReason({ query }: Pick<Session, 'query'>): Promise<string | null> {
  const [server] = await query('SELECT @@log_bin AS log, @@log_bin_trust_function_creators AS trusts');
  if (server?.log !== '1' || server.trusts === '1') return null;
  const grants = await query('SHOW GRANTS');
  if (grants.some((grant) => /\b(ALL PRIVILEGES|SUPER)\b.* ON \*\.\*/.test(textOf(grant)))) return null;
  return (
    'the server writes a binary log (log_bin), and refuses triggers of an account without SUPER (error 1419); ' +
    'SET GLOBAL log_bin_trust_function_creators = 1, or let an account with SUPER prepare'
  );
}

/** A trigger runs as the account that made it, with the rights that this has when the application writes. */
export async function triggerAccounts({ query }: Pick<Session, 'query'>): Promise<TriggerAccount[]> {
  const rows = await query(
    `SELECT DISTINCT DEFINER AS definer, DEFINER = CURRENT_USER() AS own FROM information_schema.TRIGGERS
     WHERE TRIGGER_SCHEMA = DATABASE() AND TRIGGER_NAME LIKE 'lockstep\\\\_capture\\\\_%'`,
  );
  return await Promise.all(
    rows.map(async ({ definer, own }) => ({
      name: definer ?? '',
      problem: own === '1' ? null : await problemOf(query, definer ?? ''),
    })),
  );
}

/** Null as well where this account may not look at the grants of others. */
async function problemOf(query: Session['query'], definer: string): Promise<string | null> {
  const [user = '', host = ''] = definer.split(/@(?=[^@]*$)/);
  try {
    const grants = (await query('SHOW GRANTS FOR ?@?', [user, host])).map(textOf);
    // A role may bring the right, which the list does not tell.
    const may = grants.some((grant) => /\b(ALL PRIVILEGES|INSERT)\b/.test(grant) || !/ ON /.test(grant));
    return may
      ? null
      : 'it may not INSERT into lockstep_captured: every write of the application fails (error 1142)';
  } catch (error) {
    if (error instanceof Error && 'errno' in error && unknownAccount.has(Number(error.errno)))
      return 'there is no such account: every write of the application fails (error 1449)';
    return null;
  }
}

function textOf(grant: TextCells): string {
  return Object.values(grant)[0] ?? '';
}
