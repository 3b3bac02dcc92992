import { LockstepError } from '../../model/failure.ts';
import type { BoundColumn, BoundEntity } from '../columns/bound.ts';
import { body, quote, quoteTable, text } from './quote.ts';

/** What a session of ours is told by. It is set when the session begins: no one else ever gets one of our connections. */
export const ownSession = 'lockstep.writing';

/** The server cuts what is longer, and tells whoever prepares. */
const maxNameLength = 63;
const trigger = (entity: string) => `lockstep_capture_${entity}`;
/** The whole name of the entity is within it, however long that is. */
const truncateTrigger = (entity: string) => `${trigger(entity)}_truncate`.slice(0, maxNameLength);
const routine = (bound: BoundEntity, table: number) =>
  `lockstep.${quote(`capture_${bound.entity.name}_${table}`)}`;
const truncateRoutine = (bound: BoundEntity, table: number) =>
  `lockstep.${quote(`capture_${bound.entity.name}_${table}_truncate`)}`;

/** Keys are written the same whatever the session that writes has set. */
const asItsOwner = `SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET timezone = 'UTC'`;
const ofOthers = `WHEN (pg_catalog.current_setting('${ownSession}', true) IS DISTINCT FROM '1')`;

/** Triggers that note the keys which other sessions write. */
export function captureStatements(bound: BoundEntity): string[] {
  return bound.owned.flatMap((table, at) => {
    const note = (row: 'OLD' | 'NEW') =>
      `INSERT INTO lockstep.captured (entity, record_key) VALUES (${text(bound.entity.name)}, ${keyOf(bound, table.key, row)});`;
    return [
      `CREATE OR REPLACE FUNCTION ${routine(bound, at)}() RETURNS trigger LANGUAGE plpgsql ${asItsOwner} AS ${body(`
BEGIN
  IF TG_OP <> 'INSERT' THEN
    ${note('OLD')}
  END IF;
  IF TG_OP = 'INSERT' THEN
    ${note('NEW')}
  ELSIF TG_OP = 'UPDATE' THEN
    IF ${keyOf(bound, table.key, 'OLD')} <> ${keyOf(bound, table.key, 'NEW')} THEN
      ${note('NEW')}
    END IF;
  END IF;
  RETURN NULL;
END
`)}`,
      `DROP TRIGGER IF EXISTS ${quote(trigger(bound.entity.name))} ON ${quoteTable(table.name)}`,
      `CREATE TRIGGER ${quote(trigger(bound.entity.name))} AFTER INSERT OR UPDATE OR DELETE ON ${quoteTable(table.name)}
FOR EACH ROW ${ofOthers} EXECUTE FUNCTION ${routine(bound, at)}()`,
      // Rows that a policy hides would go unnoticed: such a TRUNCATE fails instead.
      `CREATE OR REPLACE FUNCTION ${truncateRoutine(bound, at)}() RETURNS trigger LANGUAGE plpgsql ${asItsOwner} SET row_security = off AS ${body(`
BEGIN
  EXECUTE ${body(`INSERT INTO lockstep.captured (entity, record_key)
    SELECT DISTINCT ${text(bound.entity.name)}, ${keyOf(bound, table.key, 'r')} FROM `)} || TG_RELID::pg_catalog.regclass::text || ' r';
  RETURN NULL;
END
`)}`,
      `DROP TRIGGER IF EXISTS ${quote(truncateTrigger(bound.entity.name))} ON ${quoteTable(table.name)}`,
      `CREATE TRIGGER ${quote(truncateTrigger(bound.entity.name))} BEFORE TRUNCATE ON ${quoteTable(table.name)}
FOR EACH STATEMENT ${ofOthers} EXECUTE FUNCTION ${truncateRoutine(bound, at)}()`,
    ];
  });
}

export function releaseStatements(bound: BoundEntity): string[] {
  return bound.owned.flatMap((table, at) => [
    `DROP TRIGGER IF EXISTS ${quote(trigger(bound.entity.name))} ON ${quoteTable(table.name)}`,
    `DROP FUNCTION IF EXISTS ${routine(bound, at)}()`,
    `DROP TRIGGER IF EXISTS ${quote(truncateTrigger(bound.entity.name))} ON ${quoteTable(table.name)}`,
    `DROP FUNCTION IF EXISTS ${truncateRoutine(bound, at)}()`,
  ]);
}

export function isCaptureTrigger(name: string, entity: string): boolean {
  return name === trigger(entity) || name === truncateTrigger(entity);
}

function keyOf(bound: BoundEntity, key: readonly BoundColumn[], row: 'OLD' | 'NEW' | 'r'): string {
  const parts = key.map((column) => {
    const canonical = column.canonical(`${row}.${quote(column.name)}`, column.scalar);
    if (canonical !== null) return canonical;
    throw new LockstepError(
      'InvalidDefinition',
      `${bound.entity.name}.${bound.store}: column ${column.name} (${column.declared}) is part of the key, and its text cannot be noted by a trigger; ` +
        'prepare without --capture, and let reconciliation find writes outside Lockstep',
      { path: `${bound.entity.name}.${bound.store}.${column.name}` },
    );
  });
  return `pg_catalog.json_build_array(${parts.join(', ')})::text`;
}
