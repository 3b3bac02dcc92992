import { type BoundColumn, type BoundEntity, type BoundTable, changingColumns } from '../columns/bound.ts';
import { equals } from '../columns/column.ts';
import { cellNames, cellOf } from '../engine/listed-cells.ts';
import { serverConditions } from '../engine/server-conditions.ts';
import { mayBeAttempted } from './attempted-write.ts';
import { literal, quote, quoteTable } from './quote.ts';
import { sameBytes } from './too-long.ts';
import {
  anyText,
  cellParameter,
  keyParameters,
  keyType,
  listedTables,
  parameterList,
  writeName,
} from './write-parameters.ts';

/** The number of the error by which a routine refuses a caller of another definition. */
export const otherDefinition = 31001;

/** The number of the error by which it refuses an item without the rows that it is about: none would look like a wish for none. */
export const rowsMissing = 31006;

const entityType = 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin';
const lockCells = `at FOR ORDINALITY, e ${entityType} PATH '$[0]', k ${keyType} PATH '$[1]'`;
const guardCells = `e ${entityType} PATH '$.e', k ${keyType} PATH '$.k', v BIGINT PATH '$.v',
  d CHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$.d'`;

/**
 * The guarded write of one item of an entity: epoch, operation id, record, rows and journal. Where `p_alone` says so it is a
 * transaction of its own, in one round trip, rolled back and raised again when anything fails; else it is part of the caller's.
 * A record of version 0 is a lock on a key that has none; it never outlives its transaction.
 *
 * Most writes meet an older record and a row that fits, or neither. So those that may be rolled back are first **attempted**, by statements
 * that look, lock and write at once. One that succeeds has become what was asked for, and is answered by no row. Whatever turns out
 * otherwise is rolled back, and decided by what is there.
 *
 * @param fingerprint of the definition that it is made for; it refuses callers that have another one
 */
export function writeRoutine(bound: BoundEntity, fingerprint: string): string {
  const { entity, root } = bound;
  const name = literal(entity.name);
  const keys = keyParameters(bound);
  const own = `r.entity = ${name} AND r.record_key = p_key`;
  // One statement is cheaper than two. The row depends on the record in it, so that it is read after the record is locked.
  const lookLocked = `SELECT MAX(r.version), COUNT(t.${quote(root.key[0]?.name ?? '')}) > 0 INTO v_stored, v_live
      FROM lockstep_records r LEFT JOIN ${quoteTable(root.name)} t ON ${match(root.key, keys)} WHERE ${own} FOR UPDATE;`;
  return `CREATE PROCEDURE ${writeName(entity.name)}(${parameterList(bound)})
SQL SECURITY INVOKER
routine: BEGIN
  IF NOT (p_fingerprint <=> ${literal(fingerprint)}) THEN
    SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = ${otherDefinition}, MESSAGE_TEXT = 'the caller has another definition';
  END IF;
${mayBeAttempted(bound) ? attempt(bound) : ''}
  BEGIN
  ${fenceVariables}
  DECLARE v_done, v_known, v_live INT DEFAULT 0;
  DECLARE v_known_status VARCHAR(20) CHARACTER SET ascii;
  DECLARE v_outcome VARCHAR(40) CHARACTER SET ascii;
  DECLARE v_refusal VARCHAR(500) CHARACTER SET utf8mb4;
  DECLARE v_reason TEXT CHARACTER SET utf8mb4;
  DECLARE v_lock_key ${keyType};
  DECLARE v_lock_entity ${entityType};
  DECLARE v_stored, v_next, v_guard, v_answered BIGINT;
  DECLARE v_bumped ${anyText};
  DECLARE locks CURSOR FOR
    SELECT l.e, l.k FROM JSON_TABLE(p_locks, '$[*]' COLUMNS (${lockCells})) l ORDER BY l.at;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_done = 1;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    IF p_alone THEN ROLLBACK; END IF;
    RESIGNAL;
  END;

  IF p_alone THEN ROLLBACK; START TRANSACTION; END IF;
  ${shareFence}

  IF p_locks IS NOT NULL AND v_epoch = p_epoch THEN
    OPEN locks;
    locking: LOOP
      FETCH locks INTO v_lock_entity, v_lock_key;
      IF v_done THEN LEAVE locking; END IF;
      INSERT INTO lockstep_records (entity, record_key, version, deleted) VALUES (v_lock_entity, v_lock_key, 0, 0)
        ON DUPLICATE KEY UPDATE version = lockstep_records.version;
    END LOOP;
    CLOSE locks;
  END IF;

  item: BEGIN
    IF ${isFenced(bound)} THEN
      SET v_outcome = 'fenced', v_answered = v_epoch;
      LEAVE item;
    END IF;

    ${lookLocked}
    WHILE v_stored IS NULL DO
      INSERT INTO lockstep_records (entity, record_key, version, deleted) VALUES (${name}, p_key, 0, 0)
        ON DUPLICATE KEY UPDATE version = lockstep_records.version;
      ${lookLocked}
    END WHILE;

    SET v_refusal = NULL, v_next = p_version;
    IF p_read_version <> v_stored OR (p_mode = 'primary' AND p_kind = 'update' AND p_gone AND v_live) THEN
      SELECT MAX(o.status), MAX(o.version), COALESCE(MAX(o.refusal), MAX(o.reason)) INTO v_known_status, v_answered, v_reason
        FROM lockstep_operations o WHERE o.id = p_operation;
      IF v_known_status IS NULL THEN
        SET v_outcome = 'stale-base', v_answered = v_stored;
      ELSE
        SET v_outcome = CONCAT('known:', v_known_status);
      END IF;
      LEAVE item;
    ELSEIF p_mode = 'primary' THEN
      SET v_refusal = CASE
        WHEN p_expected <> v_stored THEN 'VersionConflict'
        WHEN p_kind = 'create' AND v_live THEN 'AlreadyExists'
        WHEN p_kind IN ('update', 'delete') AND NOT v_live THEN 'NotFound'
        ELSE NULL
      END;
      IF v_refusal IS NULL THEN
        SET v_next = GREATEST(p_version, v_stored + 1);
        IF p_shared IS NOT NULL THEN
          -- MySQL locks nothing beside a JSON_TABLE of the same query block.
          SELECT MAX(r.version) INTO v_guard
            FROM (SELECT g.e, g.k FROM JSON_TABLE(p_shared, '$[*]' COLUMNS (${guardCells})) g) b
            STRAIGHT_JOIN lockstep_records r FORCE INDEX (PRIMARY) ON r.entity = b.e AND r.record_key = b.k FOR UPDATE;
          SET v_next = GREATEST(v_next, COALESCE(v_guard, 0) + 1);
        END IF;
      ELSE
        SET v_next = v_stored;
      END IF;
    ELSEIF p_version < v_stored OR (p_version = v_stored AND (v_stored > 0 OR v_live)) THEN
      SET v_refusal = 'superseded';
    END IF;

    IF p_operation IS NOT NULL THEN
      SET v_known = 0;
      BEGIN
        DECLARE CONTINUE HANDLER FOR 1062 SET v_known = 1;
        ${noteOperation(
          name,
          "IF(p_mode = 'primary' AND v_refusal IS NOT NULL, 'failed', p_status)",
          "IF(p_mode = 'tentative', NULL, v_next)",
          'v_refusal',
        )}
      END;
      IF v_known THEN
        SELECT CONCAT('known:', MAX(o.status)), MAX(o.version), COALESCE(MAX(o.refusal), MAX(o.reason)) INTO v_outcome, v_answered, v_reason
          FROM lockstep_operations o WHERE o.id = p_operation;
        LEAVE item;
      END IF;
    END IF;

    IF v_refusal IS NOT NULL THEN
      SET v_outcome = IF(p_mode = 'primary', 'refused', 'superseded'), v_answered = v_stored,
        v_reason = IF(p_mode = 'primary', v_refusal, NULL);
      LEAVE item;
    END IF;

    IF NOT p_gone AND NOT (${rowsGiven(bound)}) THEN
      SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = ${rowsMissing}, MESSAGE_TEXT = 'the rows of an item are missing';
    END IF;
    SET v_bumped = '';
    IF p_shared IS NOT NULL THEN
${guards}
    END IF;

    IF p_gone THEN
${deletes(bound, keys)}
    ELSE
${upserts(bound, keys, upsertRoot(bound, keys))}
    END IF;

    SET v_outcome = 'applied', v_answered = v_next;
    IF v_next > 0 AND p_mode <> 'tentative' THEN
      UPDATE lockstep_records r SET r.version = v_next, r.deleted = p_gone, r.digest = p_digest, r.operation = p_operation WHERE ${own};
      SET v_stored = v_next;
    END IF;
  END;
  IF v_stored = 0 AND p_locks IS NULL THEN
    DELETE r FROM lockstep_records r WHERE ${own} AND r.version = 0;
  END IF;

  IF p_locks IS NOT NULL THEN
    DELETE r FROM JSON_TABLE(p_locks, '$[*]' COLUMNS (${lockCells})) l
      STRAIGHT_JOIN lockstep_records r FORCE INDEX (PRIMARY) ON r.entity = l.e AND r.record_key = l.k WHERE r.version = 0;
  END IF;
  IF p_alone THEN COMMIT; END IF;
  SELECT v_outcome AS status, CAST(v_answered AS CHAR) AS version, v_reason AS reason;
  END;
END`;
}

/** Of each transaction that shares the fence its own: what an earlier one has read says nothing. */
const fenceVariables = `DECLARE v_epoch BIGINT;
  DECLARE v_open INT DEFAULT 0;
  DECLARE v_primary VARCHAR(20) CHARACTER SET ascii;`;

/** In a transaction of READ COMMITTED, what is read beside the locked row is read after it. */
const shareFence = `SELECT s.epoch, s.open, s.primary_store INTO v_epoch, v_open, v_primary
    FROM lockstep_state s WHERE s.migration = p_migration LOCK IN SHARE MODE;`;

function isFenced({ store }: BoundEntity): string {
  return `NOT (v_epoch <=> p_epoch) OR (p_mode <> 'secondary' AND v_open = 0)
      OR (p_mode = 'primary') <> (v_primary = ${literal(store)})`;
}

function noteOperation(name: string, status: string, version: string, refusal: string): string {
  return `INSERT INTO lockstep_operations (id, migration, entity, record_key, kind, status, version, epoch, reason, before_image)
          VALUES (p_operation, p_migration, ${name}, p_key, p_kind, ${status}, ${version}, p_epoch, ${refusal}, p_before);`;
}

/** A lock that was not given, a deadlock, and what ends a statement. */
const unrepeated = [1205, 1213, ...serverConditions.time.mysql];

/**
 * Of a write that is a transaction of its own, in as few statements and conditions as it takes, because each costs a share of the commit.
 * A record gets its version under the fence: one that is newer, or not what the write expects, would get none, and may not. That ends the attempt,
 * and so does an operation that is met where none was expected, and any rule of the table that it breaks: what is told first is decided under locks.
 */
function attempt(bound: BoundEntity): string {
  const name = literal(bound.entity.name);
  const keys = keyParameters(bound);
  const { update, insert } = rootStatements(bound, keys);
  const listed = listedTables(bound).length > 0 ? ` AND ${rowsGiven(bound)}` : '';
  return `  IF p_attempt${listed} THEN
  attempt: BEGIN
    ${fenceVariables}
    DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN END;
    -- Whoever has waited for a lock, or was ended, waits no second time.
    DECLARE EXIT HANDLER FOR ${unrepeated.join(', ')}
    BEGIN
      ROLLBACK;
      RESIGNAL;
    END;
    START TRANSACTION;
    ${shareFence}
    IF ${isFenced(bound)} THEN LEAVE attempt; END IF;
    INSERT INTO lockstep_records (entity, record_key, version, deleted, digest, operation)
      VALUES (${name}, p_key, p_version, p_gone, p_digest, p_operation)
      ON DUPLICATE KEY UPDATE version = IF(lockstep_records.version < VALUES(version)
        AND lockstep_records.version = COALESCE(p_expected, p_read_version, lockstep_records.version), VALUES(version), NULL),
        deleted = VALUES(deleted), digest = VALUES(digest), operation = VALUES(operation);
    -- No more than one where the record is new.
    IF ROW_COUNT() > (COALESCE(p_expected, p_read_version, 0) > 0) THEN
      IF p_operation IS NOT NULL THEN
        ${noteOperation(name, 'p_status', 'p_version', 'NULL')}
      END IF;
      IF p_gone THEN
${deletes(bound, keys)}
        IF p_kind = 'delete' AND ROW_COUNT() = 0 THEN LEAVE attempt; END IF;
      ELSE
${upserts(
  bound,
  keys,
  `${update} AND p_kind <> 'create';
IF ROW_COUNT() = 0 THEN
  IF p_kind = 'update' THEN LEAVE attempt; END IF;
  ${insert};
END IF;`,
)}
      END IF;
      COMMIT;
      LEAVE routine;
    END IF;
  END;
  END IF;`;
}

function rowsGiven(bound: BoundEntity): string {
  const listed = listedTables(bound).map(
    (table) => `COALESCE(JSON_CONTAINS_PATH(p_rows, 'one', '$.t${bound.tables.indexOf(table)}'), 0)`,
  );
  return (bound.root.single ? [...listed, 'p_root IS NOT NULL'] : listed).join(' AND ');
}

/** Gives the guards of the shared records in the write newer versions, and records which ones. */
const guards = `BEGIN
  DECLARE v_end INT DEFAULT 0;
  DECLARE v_e ${entityType};
  DECLARE v_k ${keyType};
  DECLARE v_v, v_before_version BIGINT;
  DECLARE v_d CHAR(64) CHARACTER SET ascii;
  DECLARE shared_versions CURSOR FOR SELECT b.e, b.k, b.v, b.d FROM JSON_TABLE(p_shared, '$[*]' COLUMNS (${guardCells})) b;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_end = 1;
  OPEN shared_versions;
  guarding: LOOP
    FETCH shared_versions INTO v_e, v_k, v_v, v_d;
    IF v_end THEN LEAVE guarding; END IF;
    SET v_v = COALESCE(v_v, v_next);
    IF v_v > 0 THEN
      INSERT INTO lockstep_records (entity, record_key, version, deleted) VALUES (v_e, v_k, 0, 0)
        ON DUPLICATE KEY UPDATE version = lockstep_records.version;
      SELECT MAX(r.version) INTO v_before_version FROM lockstep_records r WHERE r.entity = v_e AND r.record_key = v_k FOR UPDATE;
      IF v_before_version < v_v THEN
        UPDATE lockstep_records SET version = v_v, deleted = 0, digest = v_d, operation = p_operation
          WHERE entity = v_e AND record_key = v_k;
        SET v_bumped = CONCAT(v_bumped, '\\n', v_e, v_k, '\\n');
      END IF;
    END IF;
  END LOOP;
  CLOSE shared_versions;
END;`;

function deletes(bound: BoundEntity, keys: readonly string[]): string {
  return bound.owned
    .toReversed()
    .map((table) => `DELETE t FROM ${quoteTable(table.name)} t WHERE ${match(table.key, keys)};`)
    .join('\n');
}

/** @param ofRoot the statements for the one row of the root table */
function upserts(bound: BoundEntity, keys: readonly string[], ofRoot: string): string {
  const others = bound.owned
    .filter((table) => !table.single)
    .toReversed()
    .map(
      (table) => `DELETE t FROM ${quoteTable(table.name)} t WHERE ${match(table.key, keys)}
  AND NOT EXISTS (SELECT 1 FROM ${recordset(bound, table)} WHERE ${same('t', table)});`,
    );
  return [
    ...bound.referenced.map((table) => upsertReferenced(bound, table)),
    ...others,
    ...bound.owned.map((table) =>
      table === bound.root && table.single ? ofRoot : upsertOwned(bound, table, keys),
    ),
  ].join('\n');
}

/**
 * Update, then insert what is absent; never `ON DUPLICATE KEY UPDATE`, which would change another row that happens to hold
 * the same value under another unique index.
 */
function upsertOwned(bound: BoundEntity, table: BoundTable, keys: readonly string[]): string {
  const mine = `${match(table.key, keys)} AND ${same('t', table)}`;
  return `${updateMatching(bound, table, mine)}${insert(table)} FROM ${recordset(bound, table)}
  WHERE NOT EXISTS (SELECT 1 FROM ${quoteTable(table.name)} t WHERE ${mine});`;
}

function upsertRoot(bound: BoundEntity, keys: readonly string[]): string {
  const { update, insert } = rootStatements(bound, keys);
  return `IF p_root > 0 AND v_live THEN
  ${update};
ELSEIF p_root > 0 THEN
  ${insert};
END IF;`;
}

/** The row of a root table that has one for each key is one of parameters. */
function rootStatements(
  bound: BoundEntity,
  keys: readonly string[],
): Readonly<Record<'update' | 'insert', string>> {
  const { root } = bound;
  const given = (column: BoundColumn) => column.write(cellParameter(bound, column));
  const change = changingColumns(root).map((column) => `t.${quote(column.name)} = ${given(column)}`);
  return {
    update:
      change.length === 0
        ? 'DO 0'
        : `UPDATE ${quoteTable(root.name)} t SET ${change.join(', ')} WHERE ${match(root.key, keys)}`,
    insert: `INSERT INTO ${quoteTable(root.name)} (${columnNames(root)}) VALUES (${root.columns.map(given).join(', ')})`,
  };
}

function upsertReferenced(bound: BoundEntity, table: BoundTable): string {
  const shared = literal(table.reference?.shared ?? '');
  switch (table.reference?.wins) {
    case 'first':
      return insertAbsent(bound, table);
    case 'refuse':
      return `${insertAbsent(bound, table)}
IF EXISTS (SELECT 1 FROM ${recordset(bound, table)} JOIN ${quoteTable(table.name)} t ON ${same('t', table)}
  WHERE NOT (${table.columns.map((column) => unchanged(table, column)).join(' AND ')})) THEN
  SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 31000, MESSAGE_TEXT = 'a shared row differs and the shape says refuse';
END IF;`;
    default: {
      const isBumped = `LOCATE(CONCAT('\\n', ${shared}, x.guard, '\\n'), v_bumped) > 0`;
      return `${updateMatching(bound, table, `${same('t', table)} AND ${isBumped}`)}${insertAbsent(bound, table)}`;
    }
  }
}

/** Another transaction may insert the same shared row at the same moment: once it has committed, there is nothing to insert. */
function insertAbsent(bound: BoundEntity, table: BoundTable): string {
  return `BEGIN
  DECLARE v_tries INT DEFAULT 0;
  DECLARE v_again INT DEFAULT 1;
  WHILE v_again DO
    SET v_again = 0, v_tries = v_tries + 1;
    BEGIN
      DECLARE EXIT HANDLER FOR 1062
      BEGIN
        IF v_tries = 3 THEN RESIGNAL; END IF;
        SET v_again = 1;
      END;
      ${insert(table)} FROM ${recordset(bound, table)}
        WHERE NOT EXISTS (SELECT 1 FROM ${quoteTable(table.name)} t WHERE ${same('t', table)});
    END;
  END WHILE;
END;`;
}

function updateMatching(bound: BoundEntity, table: BoundTable, matching: string): string {
  const change = assignments(table);
  if (change === '') return '';
  return `UPDATE ${recordset(bound, table)} STRAIGHT_JOIN ${quoteTable(table.name)} t ON ${matching} SET ${change};\n`;
}

function insert(table: BoundTable): string {
  return `INSERT INTO ${quoteTable(table.name)} (${columnNames(table)}) SELECT ${table.columns.map((column) => value(table, column)).join(', ')}`;
}

function columnNames({ columns }: BoundTable): string {
  return columns.map((column) => quote(column.name)).join(', ');
}

function assignments(table: BoundTable): string {
  return changingColumns(table)
    .map((column) => `t.${quote(column.name)} = ${value(table, column)}`)
    .join(', ');
}

function recordset(bound: BoundEntity, table: BoundTable): string {
  const cells = cellNames(table).map((name) => `${name} ${anyText} PATH '$.${name}'`);
  if (table.reference) cells.push(`guard ${keyType} PATH '$.guard'`);
  return `JSON_TABLE(p_rows, '$.t${bound.tables.indexOf(table)}[*]' COLUMNS (${cells.join(', ')})) x`;
}

function value(table: BoundTable, column: BoundColumn): string {
  return column.write(cellOf(table, column));
}

function unchanged(table: BoundTable, column: BoundColumn): string {
  const stored = `t.${quote(column.name)}`;
  const given = cellOf(table, column);
  if (column.bytes) return sameBytes(column.bytes, stored, given);
  return column.single ? `${stored} <=> CAST(${given} AS FLOAT)` : `${stored} <=> ${column.compare(given)}`;
}

function same(alias: string, table: BoundTable): string {
  return table.identity
    .map((column) => equals(column, `${alias}.${quote(column.name)}`, cellOf(table, column)))
    .join(' AND ');
}

function match(columns: readonly BoundColumn[], keys: readonly string[]): string {
  return columns
    .map((column, index) => equals(column, `t.${quote(column.name)}`, keys[index] ?? ''))
    .join(' AND ');
}
