import type { BoundEntity } from '../columns/bound.ts';
import { equals } from '../columns/column.ts';
import type { TouchRefusal } from '../contract/touch.ts';
import { touchFenceWaitMs } from '../engine/engine.ts';
import { body, quote, quoteTable, text } from './quote.ts';
import { fenceClass, otherDefinition } from './write-routine.ts';

const moved = 'LS004';
const closed = 'LS005';
const changing = 'LS008';

/** By the state of the error; what a transaction in a database of another kind says stands here as well. */
export const touchRefusals: Readonly<Record<string, TouchRefusal>> = {
  [moved]: 'moved',
  [closed]: 'closed',
  [changing]: 'changing',
  [otherDefinition]: 'definition',
  '25P01': 'outside',
  '42883': 'missing',
  '42P01': 'missing',
  '3F000': 'missing',
  // MySQL's number for a statement that it cannot parse.
  '1064': 'moved',
};

export function touchName(entity: string): string {
  return `lockstep.${quote(`touch_${entity}`)}`;
}

/** One takes a key, and the other a list of them. */
export function touchSignatures({ entity, root }: BoundEntity): string[] {
  return ['text', 'text[]'].map((type) => {
    const keys = ['key', ...root.key].map(() => type);
    return `${touchName(entity.name)}(text, bigint, text, bigint, text, ${keys.join(', ')})`;
  });
}

function rowName(entity: string): string {
  return `lockstep.${quote(`touch_row_${entity}`)}`;
}

export function touchRowSignature({ entity, root }: BoundEntity): string {
  return `${rowName(entity.name)}(${root.key.map(() => 'text').join(', ')})`;
}

/**
 * Whether a key has a row. Tables are found as when the store was prepared, whatever the caller's path is. To set the path takes
 * time, so only keys without a record come here.
 */
export function touchRowRoutine({ entity, root }: BoundEntity): string {
  const keys = root.key.map((_, index) => `p_k${index + 1}`);
  const own = root.key.map((column, index) => equals(column, `t.${quote(column.name)}`, keys[index] ?? ''));
  return `
CREATE OR REPLACE FUNCTION ${rowName(entity.name)}(${keys.map((key) => `${key} text`).join(', ')})
RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT AS ${body(`
BEGIN
  RETURN EXISTS (SELECT FROM ${quoteTable(root.name)} t WHERE ${own.join(' AND ')});
END
`)}`;
}

/**
 * What a transaction of the caller's runs for a key that it writes: fence, version and journal. It raises what it refuses,
 * so that the transaction cannot commit. It runs under the caller's path, so its names are qualified, and its operators are
 * those of `pg_catalog` for just these types, which come first. Most often the key has a record, so that is raised, and the entry
 * made, by one statement.
 *
 * @param fingerprint of the definition that it is made for; it refuses callers that have another one
 */
export function touchRoutine(bound: BoundEntity, fingerprint: string): string {
  const { entity, root } = bound;
  const keys = root.key.map((_, index) => `p_k${index + 1}`);
  return `
CREATE OR REPLACE FUNCTION ${touchName(entity.name)}(${leadingParameters}, p_key text, ${keys.map((key) => `${key} text`).join(', ')})
RETURNS text
LANGUAGE plpgsql AS $lockstep$
DECLARE
  v_state lockstep.state%ROWTYPE;
  v_version bigint;
  v_absent boolean := false;
  v_limit text;
BEGIN
${fence(bound, fingerprint)}
  WITH r AS (
    ${raise(entity.name, 'p_key', 'p_id')} RETURNING r.version
  ), entry AS (
    ${newEntries} SELECT ${entryOf(entity.name, 'p_key', 'p_id', 'r.version')} FROM r
  )
  SELECT r.version INTO v_version FROM r;
  IF NOT FOUND THEN
    ${newRecord(entity.name, 'p_key', 'p_id')} RETURNING r.version INTO v_version;
    v_absent := NOT ${rowName(entity.name)}(${keys.join(', ')});
    ${newEntries} VALUES (${entryOf(entity.name, 'p_key', 'p_id', 'v_version')});
  END IF;
  RETURN 'lockstep:' || v_version::text || CASE WHEN v_absent THEN ':1' ELSE ':0' END;
END
$lockstep$`;
}

/** As `touchRoutine`, for a list of keys, which all get one version. */
export function touchListRoutine(bound: BoundEntity, fingerprint: string): string {
  const { entity, root } = bound;
  const keys = root.key.map((_, index) => `p_k${index + 1}`);
  return `
CREATE OR REPLACE FUNCTION ${touchName(entity.name)}(${leadingParameters}, p_keys text[], ${keys.map((key) => `${key} text[]`).join(', ')})
RETURNS text
LANGUAGE plpgsql AS $lockstep$
DECLARE
  v_state lockstep.state%ROWTYPE;
  v_version bigint;
  v_top bigint;
  v_id text;
  v_absent text := '';
  v_limit text;
BEGIN
${fence(bound, fingerprint)}
  v_top := 0;
  FOR n IN 1..pg_catalog.cardinality(p_keys) LOOP
    v_id := p_id || ':' || n::text;
    ${raise(entity.name, 'p_keys[n]', 'v_id')} RETURNING r.version INTO v_version;
    IF FOUND THEN
      v_absent := v_absent || '0';
    ELSE
      ${newRecord(entity.name, 'p_keys[n]', 'v_id')} RETURNING r.version INTO v_version;
      v_absent := v_absent || CASE WHEN ${rowName(entity.name)}(${keys.map((key) => `${key}[n]`).join(', ')}) THEN '0' ELSE '1' END;
    END IF;
    v_top := greatest(v_top, v_version);
    ${newEntries} VALUES (${entryOf(entity.name, 'p_keys[n]', 'v_id', 'v_version')});
  END LOOP;
  IF v_top > p_version THEN
    UPDATE lockstep.records r SET version = v_top WHERE r.entity = ${text(entity.name)} AND r.record_key = ANY (p_keys);
    UPDATE lockstep.operations o SET version = v_top
      WHERE o.id IN (SELECT p_id || ':' || k::text FROM pg_catalog.generate_series(1, pg_catalog.cardinality(p_keys)) k);
  END IF;
  RETURN 'lockstep:' || v_top::text || ':' || v_absent;
END
$lockstep$`;
}

const leadingParameters = 'p_migration text, p_epoch bigint, p_fingerprint text, p_version bigint, p_id text';

/**
 * Shares the fence, and raises where this store may not be touched. A transaction whose snapshot is older than the fence reads the
 * route with a lock, which fails where the route has changed since.
 */
function fence({ store }: BoundEntity, fingerprint: string): string {
  const lock = `${fenceClass}, pg_catalog.hashtext(p_migration)`;
  const state = 'SELECT s.* INTO v_state FROM lockstep.state s WHERE s.migration = p_migration';
  return `  -- The caller may hold rows that others wait for who have the fence already: a change of the route, behind them, would never get it.
  IF NOT pg_catalog.pg_try_advisory_xact_lock_shared(${lock}) THEN
    v_limit := pg_catalog.current_setting('lock_timeout');
    PERFORM pg_catalog.set_config('lock_timeout', '${touchFenceWaitMs}ms', true);
    BEGIN
      PERFORM pg_catalog.pg_advisory_xact_lock_shared(${lock});
    EXCEPTION WHEN lock_not_available THEN
      RAISE EXCEPTION USING ERRCODE = '${changing}', MESSAGE = 'a change of the route waits for other transactions';
    END;
    PERFORM pg_catalog.set_config('lock_timeout', v_limit, true);
  END IF;
  IF pg_catalog.current_setting('transaction_isolation') = 'read committed' THEN
    ${state};
  ELSE
    ${state} FOR SHARE;
  END IF;
  IF v_state.primary_store IS DISTINCT FROM ${text(store)} OR v_state.epoch < p_epoch THEN
    RAISE EXCEPTION USING ERRCODE = '${moved}', MESSAGE = 'the ${store} store is not the primary';
  END IF;
  IF v_state.open = 0 THEN
    RAISE EXCEPTION USING ERRCODE = '${closed}', MESSAGE = 'the primary is being changed';
  END IF;
  IF p_fingerprint IS DISTINCT FROM ${text(fingerprint)} THEN
    RAISE EXCEPTION USING ERRCODE = CASE WHEN v_state.epoch > p_epoch THEN '${moved}' ELSE '${otherDefinition}' END,
      MESSAGE = 'the caller has another definition';
  END IF;
`;
}

function raise(entity: string, key: string, id: string): string {
  return `UPDATE lockstep.records r
      SET version = greatest(p_version, r.version + 1), deleted = false, digest = NULL, operation = ${id}
      WHERE r.entity = ${text(entity)} AND r.record_key = ${key}`;
}

/** Another transaction may have made the record at this moment. */
function newRecord(entity: string, key: string, id: string): string {
  return `INSERT INTO lockstep.records AS r (entity, record_key, version, deleted, operation)
      VALUES (${text(entity)}, ${key}, p_version, false, ${id})
      ON CONFLICT (entity, record_key) DO UPDATE
        SET version = greatest(excluded.version, r.version + 1), deleted = false, digest = NULL, operation = excluded.operation`;
}

const newEntries =
  'INSERT INTO lockstep.operations (id, migration, entity, record_key, kind, status, version, epoch, copied)';

function entryOf(entity: string, key: string, id: string, version: string): string {
  return `${id}, p_migration, ${text(entity)}, ${key}, 'touch', 'pending', ${version}, v_state.epoch, 'to'`;
}

/** Casts, because a mapper may give its parameters types of its own; numbers travel as texts. */
export function touchSql({ entity, root }: BoundEntity, isList: boolean): string {
  const types = [
    'text',
    'text::bigint',
    'text',
    'text::bigint',
    'text',
    ...['key', ...root.key].map(() => (isList ? 'text[]' : 'text')),
  ];
  return `SELECT ${touchName(entity.name)}(${types.map((type, index) => `$${index + 1}::${type}`).join(', ')}) AS touched`;
}

/** Anything that is allowed within a transaction only, and changes nothing there. */
export const transactionProbe = 'LOCK TABLE lockstep.state IN ACCESS SHARE MODE';
