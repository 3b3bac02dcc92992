import type { Dependent, TableUse } from '../contract/table-use.ts';
import type { Session } from '../engine/session.ts';
import { quoteTable } from './quote.ts';

const countersSql = `
SELECT seq_scan + coalesce(idx_scan, 0) AS reads, n_tup_ins + n_tup_upd + n_tup_del AS writes
FROM pg_stat_user_tables WHERE relid = pg_catalog.to_regclass(?)::oid`;

const sessionsSql = `
SELECT pg_catalog.count(*) AS sessions FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_catalog.pg_backend_pid() AND application_name <> 'lockstep'
  AND position(pg_catalog.lower(?) IN pg_catalog.lower(query)) > 0`;

/** Triggers of --capture are ours, and go with the table. */
const dependentsSql = `
WITH t AS (SELECT pg_catalog.to_regclass(?)::oid AS oid)
SELECT DISTINCT 'view' AS kind, r.ev_class::regclass::text AS name FROM pg_depend d
JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass::oid, t
WHERE d.refobjid = t.oid AND r.ev_class <> t.oid
UNION
SELECT 'foreign key', c.conname::text || ' of ' || c.conrelid::regclass::text FROM pg_constraint c, t
WHERE c.contype = 'f' AND c.confrelid = t.oid AND c.conrelid <> t.oid
UNION
SELECT 'trigger', g.tgname FROM pg_trigger g, t
WHERE g.tgrelid = t.oid AND NOT g.tgisinternal AND g.tgname::text NOT LIKE 'lockstep\\_%'
UNION
SELECT 'routine', p.oid::regprocedure::text FROM pg_proc p
WHERE p.pronamespace NOT IN ('pg_catalog'::regnamespace::oid, 'information_schema'::regnamespace::oid, 'lockstep'::regnamespace::oid)
  AND position(pg_catalog.lower(?) IN pg_catalog.lower(coalesce(p.prosrc, ''))) > 0
ORDER BY 1, 2`;

export async function tableUse(session: Session, table: string): Promise<TableUse> {
  const bare = table.split('.').at(-1) ?? table;
  const [counters] = await session.query(countersSql, [quoteTable(table)]);
  const [seen] = await session.query(sessionsSql, [bare]);
  const dependents = await session.query(dependentsSql, [quoteTable(table), bare]);
  return {
    table,
    reads: counters ? Number(counters.reads) : null,
    writes: counters ? Number(counters.writes) : null,
    sessions: seen ? Number(seen.sessions) : null,
    dependents: dependents.map(({ kind, name }) => ({ kind: kind as Dependent['kind'], name: name ?? '' })),
  };
}
