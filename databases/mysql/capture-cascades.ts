import type { Session } from '../engine/session.ts';
import { placeOf } from './quote.ts';

/** Keys that change rows themselves: the server does that below the triggers. */
const actionsSql = `
SELECT CONSTRAINT_NAME AS name, REFERENCED_TABLE_NAME AS parent, DELETE_RULE AS deleting, UPDATE_RULE AS updating
FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?
ORDER BY CONSTRAINT_NAME`;

const acting = ['CASCADE', 'SET NULL', 'SET DEFAULT'];

/** @param tables those of one entity: where the row goes that tells of a record, its own trigger notes the record */
export async function silentChangeReason(
  { query }: Pick<Session, 'query'>,
  tables: readonly string[],
): Promise<string | null> {
  const names = tables.map((table) => table.split('.').at(-1));
  for (const table of tables) {
    const place = placeOf(table);
    for (const { name, parent, deleting, updating } of await query(actionsSql, place)) {
      if (table !== tables[0] && names.includes(parent ?? '')) continue;
      const action = acting.includes(deleting ?? '')
        ? `ON DELETE ${deleting}`
        : acting.includes(updating ?? '')
          ? `ON UPDATE ${updating}`
          : null;
      if (action === null) continue;
      return (
        `${action} of ${name} changes rows of ${table}, and fires no trigger; make it RESTRICT and let the application change those rows, ` +
        'or prepare without --capture, and let reconciliation find them'
      );
    }
  }
  return null;
}
