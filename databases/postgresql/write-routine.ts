import { type BoundColumn, type BoundEntity, type BoundTable, changingColumns } from '../columns/bound.ts';
import { equals } from '../columns/column.ts';
import { cellNames, cellOf } from '../engine/listed-cells.ts';
import { names, updateOnConflict } from './on-conflict.ts';
import { body, quote, quoteTable, text } from './quote.ts';

/**
 * The guarded write of one item of an entity, as a function: epoch, operation id, record, rows and journal in one round trip.
 * A function, and not one statement with CTEs, because each of its statements sees what committed before it.
 * A record of version 0 is a lock on a key that has none; it never outlives its transaction.
 *
 * @param fingerprint of the definition that it is made for; it refuses callers that have another one
 */
export function writeRoutine(bound: BoundEntity, fingerprint: string): string {
  const { entity, root } = bound;
  const keyNames = root.key.map((_, index) => `k${index + 1}`);
  const own = `r.entity = ${text(entity.name)} AND r.record_key = i.key`;
  return `
CREATE OR REPLACE FUNCTION ${routineName(entity.name)}(p_store text, p_migration text, p_epoch bigint, p_fingerprint text, p_item json, p_locks json)
RETURNS TABLE (status text, version bigint, reason text)
LANGUAGE plpgsql AS ${body(`
#variable_conflict use_column
DECLARE
  v_state lockstep.state%ROWTYPE;
  v_known lockstep.operations%ROWTYPE;
  v_stored bigint;
  v_next bigint;
  v_live boolean;
  v_guard bigint;
  v_refusal text;
  v_bumped text[];
  v_count bigint;
  v_written bigint;
  i record;
  g record;
BEGIN
  IF p_fingerprint IS DISTINCT FROM ${text(fingerprint)} THEN
    RAISE EXCEPTION USING ERRCODE = '${otherDefinition}', MESSAGE = 'the caller has another definition';
  END IF;
  PERFORM pg_catalog.pg_advisory_xact_lock_shared(${fenceClass}, pg_catalog.hashtext(p_migration));
  SELECT s.* INTO v_state FROM lockstep.state s WHERE s.migration = p_migration;

  IF p_locks IS NOT NULL AND v_state.epoch = p_epoch THEN
    FOR g IN SELECT l ->> 0 AS e, l ->> 1 AS k FROM pg_catalog.json_array_elements(p_locks) WITH ORDINALITY AS t(l, at) ORDER BY at LOOP
      LOOP
        PERFORM 1 FROM lockstep.records r WHERE r.entity = g.e AND r.record_key = g.k FOR UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO lockstep.records (entity, record_key, version, deleted) VALUES (g.e, g.k, 0, false)
          ON CONFLICT (entity, record_key) DO NOTHING;
        EXIT WHEN FOUND;
      END LOOP;
    END LOOP;
  END IF;

  SELECT x.* INTO i FROM pg_catalog.json_to_record(p_item) AS x(
    mode text, kind text, operation text, key text, version bigint, expected bigint, read_version bigint,
    status text, digest text, before text, gone boolean, shared json, rows json, ${keyNames.map((name) => `${name} text`).join(', ')});
  reason := NULL;
  <<item>>
  BEGIN
    IF v_state.epoch IS DISTINCT FROM p_epoch
      OR (i.mode <> 'secondary' AND v_state.open = 0)
      OR (i.mode = 'primary') <> (v_state.primary_store = p_store) THEN
      status := 'fenced';
      version := v_state.epoch;
      EXIT item;
    END IF;

    LOOP
      SELECT r.version INTO v_stored FROM lockstep.records r WHERE ${own} FOR UPDATE;
      EXIT WHEN FOUND;
      INSERT INTO lockstep.records (entity, record_key, version, deleted) VALUES (${text(entity.name)}, i.key, 0, false)
        ON CONFLICT (entity, record_key) DO NOTHING;
      v_stored := 0;
      EXIT WHEN FOUND;
    END LOOP;
    v_live := EXISTS (SELECT FROM ${quoteTable(root.name)} t WHERE ${match(root.key, keyNames)});

    v_refusal := NULL;
    v_next := i.version;
    IF i.read_version <> v_stored OR (i.mode = 'primary' AND i.kind = 'update' AND i.gone AND v_live) THEN
      SELECT o.* INTO v_known FROM lockstep.operations o WHERE o.id = i.operation;
      status := CASE WHEN FOUND THEN 'known:' || v_known.status ELSE 'stale-base' END;
      version := CASE WHEN FOUND THEN v_known.version ELSE v_stored END;
      reason := coalesce(v_known.refusal, v_known.reason);
      EXIT item;
    ELSIF i.mode = 'primary' THEN
      v_refusal := CASE
        WHEN i.expected <> v_stored THEN 'VersionConflict'
        WHEN i.kind = 'create' AND v_live THEN 'AlreadyExists'
        WHEN i.kind IN ('update', 'delete') AND NOT v_live THEN 'NotFound'
      END;
      v_next := CASE WHEN v_refusal IS NULL THEN greatest(i.version, v_stored + 1) ELSE v_stored END;
      IF v_refusal IS NULL AND i.shared IS NOT NULL THEN
        FOR g IN SELECT b.e, b.k FROM pg_catalog.json_to_recordset(i.shared) AS b(e text, k text) LOOP
          SELECT r.version INTO v_guard FROM lockstep.records r WHERE r.entity = g.e AND r.record_key = g.k FOR UPDATE;
          IF FOUND THEN v_next := greatest(v_next, v_guard + 1); END IF;
        END LOOP;
      END IF;
    ELSIF i.version < v_stored OR (i.version = v_stored AND (v_stored > 0 OR v_live)) THEN
      v_refusal := 'superseded';
    END IF;

    IF i.operation IS NOT NULL THEN
      INSERT INTO lockstep.operations (id, migration, entity, record_key, kind, status, version, epoch, reason, before_image)
        VALUES (i.operation, p_migration, ${text(entity.name)}, i.key, i.kind,
          CASE WHEN i.mode = 'primary' AND v_refusal IS NOT NULL THEN 'failed' ELSE i.status END,
          CASE WHEN i.mode <> 'tentative' THEN v_next END, p_epoch, v_refusal, i.before)
        ON CONFLICT (id) DO NOTHING;
      IF NOT FOUND THEN
        SELECT o.* INTO v_known FROM lockstep.operations o WHERE o.id = i.operation;
        status := 'known:' || v_known.status;
        version := v_known.version;
        reason := coalesce(v_known.refusal, v_known.reason);
        EXIT item;
      END IF;
    END IF;

    IF v_refusal IS NOT NULL THEN
      status := CASE WHEN i.mode = 'primary' THEN 'refused' ELSE 'superseded' END;
      version := v_stored;
      reason := CASE WHEN i.mode = 'primary' THEN v_refusal END;
      EXIT item;
    END IF;

    v_bumped := '{}';
    IF i.shared IS NOT NULL THEN
      FOR g IN SELECT b.* FROM pg_catalog.json_to_recordset(i.shared) AS b(e text, k text, v bigint, d text) LOOP
        CONTINUE WHEN coalesce(g.v, v_next) = 0;
        INSERT INTO lockstep.records AS r (entity, record_key, version, deleted, digest, operation)
          VALUES (g.e, g.k, coalesce(g.v, v_next), false, g.d, i.operation)
          ON CONFLICT (entity, record_key) DO UPDATE
            SET version = excluded.version, deleted = false, digest = excluded.digest, operation = excluded.operation
            WHERE r.version < excluded.version;
        IF FOUND THEN v_bumped := pg_catalog.array_append(v_bumped, g.e || g.k); END IF;
      END LOOP;
    END IF;

    IF NOT i.gone AND (${bound.tables.map((_, at) => `i.rows -> 't${at}' IS NULL`).join(' OR ')}) THEN
      RAISE EXCEPTION USING ERRCODE = '${rowsMissing}', MESSAGE = 'the rows of an item are missing';
    END IF;
    IF i.gone THEN
      PERFORM pg_catalog.pg_advisory_xact_lock_shared(${copyClass}, pg_catalog.hashtext(${text(entity.name)}));
${deletes(bound, keyNames)}
    ELSE
${upserts(bound, keyNames)}
    END IF;

    status := 'applied';
    version := v_next;
    IF v_next > 0 AND i.mode <> 'tentative' THEN
      UPDATE lockstep.records r SET version = v_next, deleted = i.gone, digest = i.digest, operation = i.operation
        WHERE ${own};
      v_stored := v_next;
    END IF;
  END;
  IF v_stored = 0 AND p_locks IS NULL THEN
    DELETE FROM lockstep.records r WHERE ${own} AND r.version = 0;
  END IF;
  RETURN NEXT;

  IF p_locks IS NOT NULL THEN
    DELETE FROM lockstep.records r USING pg_catalog.json_array_elements(p_locks) l
      WHERE r.entity = l ->> 0 AND r.record_key = l ->> 1 AND r.version = 0;
  END IF;
END
`)}`;
}

/** The state of the error by which a routine refuses a caller of another definition. */
export const otherDefinition = 'LS003';

/** The state of the error by which it refuses an item without the rows that it is about: none would look like a wish for none. */
export const rowsMissing = 'LS006';

/** The state of the error by which it refuses where the table, and no error, kept a row out. */
export const rowLeftOut = 'LS007';

/** Tells the fence's advisory locks from those of others. */
export const fenceClass = 1_819_239_276;

/** Deletes share this lock, one for each entity, with each other; a backfill's chunk holds it alone while it is committed. */
export const copyClass = 1_819_239_277;

/** Whoever prepares the store holds this lock. */
export const prepareClass = 1_819_239_278;

export function routineName(entity: string): string {
  return `lockstep.${quote(`write_${entity}`)}`;
}

export function writeSignature({ entity }: BoundEntity): string {
  return `${routineName(entity.name)}(text, text, bigint, text, json, json)`;
}

function deletes(bound: BoundEntity, keyNames: readonly string[]): string {
  return bound.owned
    .toReversed()
    .map((table) => `DELETE FROM ${quoteTable(table.name)} t WHERE ${match(table.key, keyNames)};`)
    .join('\n');
}

function upserts(bound: BoundEntity, keyNames: readonly string[]): string {
  const others = bound.owned
    .filter((table) => !table.single)
    .toReversed()
    .map(
      (table) => `DELETE FROM ${quoteTable(table.name)} t WHERE ${match(table.key, keyNames)}
  AND NOT EXISTS (SELECT FROM ${recordset(bound, table)} WHERE ${same('t', table)});`,
    );
  return [
    ...bound.referenced.map((table) => upsertReferenced(bound, table)),
    ...others,
    ...bound.owned.map((table) => upsertOwned(bound, table, keyNames)),
  ].join('\n');
}

/** Where an upsert could meet a row of another key, that row is left to the unique index to refuse. */
function upsertOwned(bound: BoundEntity, table: BoundTable, keyNames: readonly string[]): string {
  if (table.upsertable) {
    const written = `${insert(table)} FROM ${recordset(bound, table)}
  ON CONFLICT (${names(table.identity)}) ${updateOnConflict(table)};`;
    if (changingColumns(table).length === 0) return written;
    return `${written}
GET DIAGNOSTICS v_written = ROW_COUNT;
${assertWritten(bound, table)}`;
  }
  const own = match(table.key, keyNames);
  const change = changingColumns(table);
  const changed =
    change.length === 0
      ? ''
      : `UPDATE ${quoteTable(table.name)} t SET ${change.map((column) => `${quote(column.name)} = ${value(table, column)}`).join(', ')}
  FROM ${recordset(bound, table)} WHERE ${own} AND ${same('t', table)};
GET DIAGNOSTICS v_written = ROW_COUNT;\n`;
  const inserted = `${insert(table)} FROM ${recordset(bound, table)}
  WHERE NOT EXISTS (SELECT FROM ${quoteTable(table.name)} t WHERE ${own} AND ${same('t', table)});`;
  if (change.length === 0) return inserted;
  return `${changed}${inserted}
GET DIAGNOSTICS v_count = ROW_COUNT;
v_written := v_written + v_count;
${assertWritten(bound, table)}`;
}

/** A trigger may leave a row out without an error. Where rows have nothing but their identity, one that is there is not written. */
function assertWritten(bound: BoundEntity, table: BoundTable): string {
  return `IF v_written <> pg_catalog.json_array_length(i.rows -> 't${bound.tables.indexOf(table)}') THEN
  RAISE EXCEPTION USING ERRCODE = '${rowLeftOut}', MESSAGE = 'a row was left out', TABLE = ${text(table.name)};
END IF;`;
}

function upsertReferenced(bound: BoundEntity, table: BoundTable): string {
  const shared = text(table.reference?.shared ?? '');
  const isBumped = `${shared} || x.guard = ANY (v_bumped)`;
  const absent = (where: string) => `${insert(table)} FROM ${recordset(bound, table)}${where} ORDER BY x.guard
  ON CONFLICT (${names(table.identity)}) DO NOTHING;`;
  switch (table.reference?.wins) {
    case 'first':
      return absent('');
    case 'refuse':
      return `${absent('')}
IF EXISTS (SELECT FROM ${recordset(bound, table)} JOIN ${quoteTable(table.name)} t ON ${same('t', table)}
  WHERE (${table.columns.map((column) => column.read(`t.${quote(column.name)}`)).join(', ')}) IS DISTINCT FROM (${table.columns.map((column) => column.read(value(table, column))).join(', ')})) THEN
  RAISE EXCEPTION USING ERRCODE = 'LS001', MESSAGE = ${text(`a shared row of ${table.name} differs and the shape says refuse`)};
END IF;`;
    default:
      return `IF v_bumped <> '{}' THEN
  ${insert(table)} FROM ${recordset(bound, table)} WHERE ${isBumped} ORDER BY x.guard
    ON CONFLICT (${names(table.identity)}) ${updateOnConflict(table)};
END IF;
${absent(` WHERE NOT (${isBumped})`)}`;
  }
}

function insert(table: BoundTable): string {
  return `INSERT INTO ${quoteTable(table.name)} (${names(table.columns)}) OVERRIDING SYSTEM VALUE SELECT ${table.columns.map((column) => value(table, column)).join(', ')}`;
}

function recordset(bound: BoundEntity, table: BoundTable): string {
  const cells = cellNames(table).map((name) => `${name} text`);
  if (table.reference) cells.push('guard text');
  return `pg_catalog.json_to_recordset(i.rows -> 't${bound.tables.indexOf(table)}') AS x(${cells.join(', ')})`;
}

function value(table: BoundTable, column: BoundColumn): string {
  return column.write(cellOf(table, column));
}

function same(alias: string, table: BoundTable): string {
  return table.identity
    .map((column) => equals(column, `${alias}.${quote(column.name)}`, cellOf(table, column)))
    .join(' AND ');
}

function match(columns: readonly BoundColumn[], keyNames: readonly string[]): string {
  return columns
    .map((column, index) => equals(column, `t.${quote(column.name)}`, `i.${keyNames[index]}`))
    .join(' AND ');
}
