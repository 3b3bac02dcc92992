import type { Session } from '../engine/session.ts';
import { placeOf } from './quote.ts';

/** What is granted on every database, on those whose name matches a pattern, and on tables. Roles are left out. */
const droppableSql = `
SELECT EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'DROP' AND GRANTEE = own.grantee)
  OR EXISTS (SELECT 1 FROM information_schema.SCHEMA_PRIVILEGES WHERE PRIVILEGE_TYPE = 'DROP' AND GRANTEE = own.grantee
    AND wanted.table_database LIKE TABLE_SCHEMA)
  OR EXISTS (SELECT 1 FROM information_schema.TABLE_PRIVILEGES WHERE PRIVILEGE_TYPE = 'DROP' AND GRANTEE = own.grantee
    AND TABLE_SCHEMA = wanted.table_database AND TABLE_NAME = wanted.table_name) AS may
FROM (SELECT CONCAT(QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1)), '@', QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', -1))) AS grantee) own,
  (SELECT COALESCE(?, DATABASE()) AS table_database, ? AS table_name) wanted`;

/** It makes the table anew: that asks for the right to drop it, and no row of it is deleted. */
export async function captureGap(
  { query }: Pick<Session, 'query'>,
  tables: readonly string[],
): Promise<string | null> {
  const open: string[] = [];
  for (const table of tables) {
    const place = placeOf(table);
    const [row] = await query(droppableSql, place);
    if (row?.may === '1') open.push(table);
  }
  const own = open.length === 0 ? '' : `; this account may do so with ${open.join(', ')}`;
  return (
    `TRUNCATE fires no trigger, so nobody notices it${own}. Let the application's account have no DROP, and empty a table with DELETE; ` +
    'after a TRUNCATE, the rows are in the other store until lockstep reconcile --repair'
  );
}
