import type { Dependent, TableUse } from '../contract/table-use.ts';
import type { Session, TextCells } from '../engine/session.ts';
import { placeOf } from './quote.ts';

const serverSql = 'SELECT VERSION() AS version, @@performance_schema AS instrumented';
const waitsSql = `
SELECT COUNT_READ AS row_reads, COUNT_WRITE AS row_writes FROM performance_schema.table_io_waits_summary_by_table
WHERE OBJECT_SCHEMA = COALESCE(?, DATABASE()) AND OBJECT_NAME = ?`;
/** Of MariaDB, with userstat on. */
const statisticsSql = `
SELECT ROWS_READ AS row_reads, ROWS_CHANGED AS row_writes FROM information_schema.TABLE_STATISTICS
WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?`;

/** MySQL's list in information_schema is deprecated, and fails while a statement holds an emoji; MariaDB has no other. */
const sessionsSql = (isMariaDb: boolean) => `
SELECT COUNT(*) AS sessions FROM ${isMariaDb ? 'information_schema.PROCESSLIST' : 'performance_schema.processlist'}
WHERE ID <> CONNECTION_ID() AND INFO IS NOT NULL AND LOCATE(LOWER(?), LOWER(INFO)) > 0`;

/** Triggers of --capture are ours, and go with the table. */
const dependentsSql = `
SELECT 'view' AS kind, CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) AS name FROM information_schema.VIEWS
WHERE LOCATE(CONCAT('\`', COALESCE(?, DATABASE()), '\`.\`', ?, '\`'), VIEW_DEFINITION) > 0
UNION
SELECT 'foreign key', CONCAT(CONSTRAINT_NAME, ' of ', TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.KEY_COLUMN_USAGE
WHERE REFERENCED_TABLE_SCHEMA = COALESCE(?, DATABASE()) AND REFERENCED_TABLE_NAME = ?
  AND NOT (TABLE_SCHEMA = REFERENCED_TABLE_SCHEMA AND TABLE_NAME = REFERENCED_TABLE_NAME)
UNION
SELECT 'trigger', CONCAT(TRIGGER_SCHEMA, '.', TRIGGER_NAME) FROM information_schema.TRIGGERS
WHERE EVENT_OBJECT_SCHEMA = COALESCE(?, DATABASE()) AND EVENT_OBJECT_TABLE = ? AND TRIGGER_NAME NOT LIKE 'lockstep\\\\_%'
UNION
SELECT 'routine', CONCAT(ROUTINE_SCHEMA, '.', ROUTINE_NAME) FROM information_schema.ROUTINES
WHERE ROUTINE_SCHEMA = COALESCE(?, DATABASE()) AND LOCATE(?, ROUTINE_DEFINITION) > 0 AND ROUTINE_NAME NOT LIKE 'lockstep\\\\_%'
UNION
SELECT 'event', CONCAT(EVENT_SCHEMA, '.', EVENT_NAME) FROM information_schema.EVENTS
WHERE EVENT_SCHEMA = COALESCE(?, DATABASE()) AND LOCATE(?, EVENT_DEFINITION) > 0
ORDER BY 1, 2`;

export async function tableUse(session: Session, table: string): Promise<TableUse> {
  const place = placeOf(table);
  const [server] = await session.query(serverSql);
  const counters = await countersOf(session, place, server?.instrumented === '1');
  const isMariaDb = server?.version?.includes('MariaDB') ?? false;
  const [seen] = await session.query(sessionsSql(isMariaDb), [place[1] ?? table]).catch(() => []);
  const dependents = await session.query(dependentsSql, [...place, ...place, ...place, ...place, ...place]);
  return {
    table,
    reads: counters ? Number(counters.row_reads) : null,
    writes: counters ? Number(counters.row_writes) : null,
    sessions: seen ? Number(seen.sessions) : null,
    dependents: dependents.map(({ kind, name }) => ({ kind: kind as Dependent['kind'], name: name ?? '' })),
  };
}

async function countersOf(
  session: Session,
  place: (string | null)[],
  instrumented: boolean,
): Promise<TextCells | null> {
  // Not every server has the table, and not every user may see it.
  const [counters] = await session.query(instrumented ? waitsSql : statisticsSql, place).catch(() => []);
  return counters ?? null;
}
