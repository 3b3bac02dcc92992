import type { TriggerAccount } from '../contract/capture.ts';
import type { Session } from '../engine/session.ts';

/** The functions behind the triggers run as their owner, with the rights that this has when the application writes. */
export async function triggerAccounts({ query }: Pick<Session, 'query'>): Promise<TriggerAccount[]> {
  const rows = await query(
    `SELECT DISTINCT p.proowner::regrole::text AS owner, pg_catalog.has_table_privilege(p.proowner, 'lockstep.captured', 'INSERT')::text AS may
     FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
     WHERE p.pronamespace = pg_catalog.to_regnamespace('lockstep')::oid AND p.proname::text LIKE 'capture\\_%'`,
  );
  return rows.map(({ owner, may }) => ({
    name: owner ?? '',
    problem:
      may === 'true'
        ? null
        : 'it may not INSERT into lockstep.captured: every write of the application fails (SQLSTATE 42501)',
  }));
}
