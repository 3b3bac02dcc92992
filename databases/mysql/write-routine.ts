import type { BoundColumn, BoundEntity, BoundTable } from '../binding.ts';
import { literal, quote, quoteTable } from './quote.ts';

/** The procedure that writes inside a transaction of the caller's, and the one that brings its own. */
export function innerName(entity: string): string {
  return quote(`lockstep_write_in_${entity}`);
}

export function outerName(entity: string): string {
  return quote(`lockstep_write_${entity}`);
}

const parameters =
  'p_store VARCHAR(10), p_migration VARCHAR(64), p_epoch BIGINT, p_items LONGTEXT CHARACTER SET utf8mb4, p_locks LONGTEXT CHARACTER SET utf8mb4';

/** One round trip: begin, write, commit; rolled back and raised again when anything fails. */
export function outerRoutine(bound: BoundEntity): string {
  return `CREATE PROCEDURE ${outerName(bound.entity.name)}(${parameters})
SQL SECURITY INVOKER
BEGIN
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  CALL ${innerName(bound.entity.name)}(p_store, p_migration, p_epoch, p_items, p_locks);
  COMMIT;
END`;
}

/** The guarded write of one entity: epoch, operation id, record, rows and journal. One result set for each item. */
export function innerRoutine(bound: BoundEntity): string {
  const { entity, root } = bound;
  const name = literal(entity.name);
  const keys = root.key.map((_, index) => `v_k${index + 1}`);
  const cells = [
    "ordinal INT PATH '$.ordinal'",
    "mode VARCHAR(10) PATH '$.mode'",
    "kind VARCHAR(20) PATH '$.kind'",
    "operation VARCHAR(200) PATH '$.operation'",
    "item_key VARCHAR(700) PATH '$.key'",
    "version BIGINT PATH '$.version'",
    "expected BIGINT PATH '$.expected'",
    "base BIGINT PATH '$.base'",
    "status VARCHAR(20) PATH '$.status'",
    "digest VARCHAR(64) PATH '$.digest'",
    "before_image LONGTEXT PATH '$.before'",
    "gone INT PATH '$.gone'",
    "brings JSON PATH '$.brings'",
    "item_rows JSON PATH '$.rows'",
    ...keys.map((key, index) => `${key.slice(2)} LONGTEXT PATH '$.k${index + 1}'`),
  ];
  const fetched = [
    'v_ordinal, v_mode, v_kind, v_operation, v_key, v_version, v_expected, v_base, v_status, v_digest, v_before, v_gone, v_brings, v_rows',
    ...keys,
  ].join(', ');
  return `CREATE PROCEDURE ${innerName(entity.name)}(${parameters})
SQL SECURITY INVOKER
BEGIN
  DECLARE v_done, v_known, v_live, v_gone, v_ordinal, v_open INT DEFAULT 0;
  DECLARE v_mode, v_kind, v_status, v_primary, v_known_status VARCHAR(20) CHARACTER SET ascii;
  DECLARE v_operation VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin;
  DECLARE v_refusal, v_known_reason VARCHAR(500) CHARACTER SET utf8mb4;
  DECLARE v_key, v_lock_key VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
  DECLARE v_lock_entity VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin;
  DECLARE v_epoch, v_version, v_expected, v_base, v_stored, v_next, v_guard, v_known_version BIGINT;
  DECLARE v_digest VARCHAR(64) CHARACTER SET ascii;
  DECLARE v_before, v_brings, v_rows, v_brought LONGTEXT CHARACTER SET utf8mb4;
  DECLARE ${keys.join(', ')} LONGTEXT CHARACTER SET utf8mb4;
  DECLARE locks CURSOR FOR
    SELECT l.e, l.k FROM JSON_TABLE(p_locks, '$[*]' COLUMNS (
      at FOR ORDINALITY,
      e VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[0]',
      k VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$[1]')) l ORDER BY l.at;
  DECLARE items CURSOR FOR
    SELECT * FROM JSON_TABLE(p_items, '$[*]' COLUMNS (
      ${cells.join(',\n      ')})) i;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_done = 1;

  SELECT MAX(s.epoch), MAX(s.open), MAX(s.primary_store) INTO v_epoch, v_open, v_primary
    FROM lockstep_state s WHERE s.migration = p_migration LOCK IN SHARE MODE;

  IF p_locks IS NOT NULL THEN
    OPEN locks;
    locking: LOOP
      FETCH locks INTO v_lock_entity, v_lock_key;
      IF v_done THEN LEAVE locking; END IF;
      INSERT INTO lockstep_records (entity, record_key, version, deleted) VALUES (v_lock_entity, v_lock_key, 0, 0)
        ON DUPLICATE KEY UPDATE version = lockstep_records.version;
    END LOOP;
    CLOSE locks;
    SET v_done = 0;
  END IF;

  OPEN items;
  item: LOOP
    FETCH items INTO ${fetched};
    IF v_done THEN LEAVE item; END IF;

    IF NOT (v_epoch <=> p_epoch) OR (v_mode <> 'follow' AND v_open = 0)
      OR (v_mode = 'decide') <> (v_primary = p_store) THEN
      SELECT v_ordinal AS ordinal, 'fenced' AS status, v_epoch AS version, NULL AS reason;
      ITERATE item;
    END IF;

    SELECT MAX(r.version) INTO v_stored FROM lockstep_records r WHERE r.entity = ${name} AND r.record_key = v_key FOR UPDATE;
    IF v_stored IS NULL THEN
      INSERT INTO lockstep_records (entity, record_key, version, deleted) VALUES (${name}, v_key, 0, 0)
        ON DUPLICATE KEY UPDATE version = lockstep_records.version;
      SELECT MAX(r.version) INTO v_stored FROM lockstep_records r WHERE r.entity = ${name} AND r.record_key = v_key FOR UPDATE;
    END IF;
    SET v_live = EXISTS (SELECT 1 FROM ${quoteTable(root.name)} t WHERE ${match(root.key, keys)});

    SET v_refusal = NULL, v_next = v_version;
    IF v_base IS NOT NULL AND v_base <> v_stored THEN
      SELECT MAX(o.status), MAX(o.version), MAX(o.reason) INTO v_known_status, v_known_version, v_known_reason
        FROM lockstep_operations o WHERE o.id = v_operation;
      IF v_known_status IS NULL THEN
        SELECT v_ordinal AS ordinal, 'moved' AS status, v_stored AS version, NULL AS reason;
      ELSE
        SELECT v_ordinal AS ordinal, CONCAT('known:', v_known_status) AS status, v_known_version AS version, v_known_reason AS reason;
      END IF;
      ITERATE item;
    ELSEIF v_mode = 'decide' THEN
      SET v_refusal = CASE
        WHEN v_expected IS NOT NULL AND v_expected <> v_stored THEN 'VersionConflict'
        WHEN v_kind = 'create' AND v_live THEN 'AlreadyExists'
        WHEN v_kind IN ('update', 'delete') AND NOT v_live THEN 'NotFound'
        ELSE NULL
      END;
      IF v_refusal IS NULL THEN
        SET v_next = GREATEST(v_version, v_stored + 1);
        IF v_brings IS NOT NULL THEN
          SELECT MAX(r.version) INTO v_guard FROM lockstep_records r
            JOIN JSON_TABLE(v_brings, '$[*]' COLUMNS (${guardCells})) b ON r.entity = b.e AND r.record_key = b.k FOR UPDATE;
          SET v_next = GREATEST(v_next, COALESCE(v_guard, 0) + 1);
        END IF;
      ELSE
        SET v_next = v_stored;
      END IF;
    ELSEIF v_version < v_stored OR (v_version = v_stored AND (v_stored > 0 OR v_live)) THEN
      SET v_refusal = 'superseded';
    END IF;

    IF v_operation IS NOT NULL THEN
      SET v_known = 0;
      BEGIN
        DECLARE CONTINUE HANDLER FOR 1062 SET v_known = 1;
        INSERT INTO lockstep_operations (id, migration, entity, record_key, kind, status, version, epoch, reason, before_image)
          VALUES (v_operation, p_migration, ${name}, v_key, v_kind,
            IF(v_mode = 'decide' AND v_refusal IS NOT NULL, 'failed', v_status), v_next, p_epoch, v_refusal, v_before);
      END;
      IF v_known THEN
        SELECT MAX(o.status), MAX(o.version), MAX(o.reason) INTO v_known_status, v_known_version, v_known_reason
          FROM lockstep_operations o WHERE o.id = v_operation;
        DELETE FROM lockstep_records WHERE entity = ${name} AND record_key = v_key AND version = 0;
        SELECT v_ordinal AS ordinal, CONCAT('known:', v_known_status) AS status, v_known_version AS version, v_known_reason AS reason;
        ITERATE item;
      END IF;
    END IF;

    IF v_refusal IS NOT NULL THEN
      IF v_mode = 'decide' THEN
        DELETE FROM lockstep_records WHERE entity = ${name} AND record_key = v_key AND version = 0;
        SELECT v_ordinal AS ordinal, 'refused' AS status, v_stored AS version, v_refusal AS reason;
      ELSE
        SELECT v_ordinal AS ordinal, 'superseded' AS status, v_stored AS version, NULL AS reason;
      END IF;
      ITERATE item;
    END IF;

    SET v_brought = '';
    IF v_brings IS NOT NULL THEN
${indent(guards, 6)}
    END IF;

    IF v_gone THEN
${indent(deletes(bound, keys), 6)}
    ELSE
${indent(upserts(bound, keys), 6)}
    END IF;

    UPDATE lockstep_records SET version = v_next, deleted = v_gone, digest = v_digest, operation = v_operation
      WHERE entity = ${name} AND record_key = v_key;
    SELECT v_ordinal AS ordinal, 'applied' AS status, v_next AS version, NULL AS reason;
  END LOOP;
  CLOSE items;
END`;
}

const guardCells = `e VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$.e',
  k VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$.k',
  v BIGINT PATH '$.v', d CHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$.d'`;

/** Raises the guards of the shared records that the write brings, and notes which it raised. */
const guards = `BEGIN
  DECLARE v_end INT DEFAULT 0;
  DECLARE v_e VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin;
  DECLARE v_k VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
  DECLARE v_v, v_before_version BIGINT;
  DECLARE v_d CHAR(64) CHARACTER SET ascii;
  DECLARE brings CURSOR FOR SELECT b.e, b.k, b.v, b.d FROM JSON_TABLE(v_brings, '$[*]' COLUMNS (${guardCells})) b;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_end = 1;
  OPEN brings;
  guarding: LOOP
    FETCH brings INTO v_e, v_k, v_v, v_d;
    IF v_end THEN LEAVE guarding; END IF;
    SET v_v = COALESCE(v_v, v_next);
    IF v_v > 0 THEN
      INSERT INTO lockstep_records (entity, record_key, version, deleted) VALUES (v_e, v_k, 0, 0)
        ON DUPLICATE KEY UPDATE version = lockstep_records.version;
      SELECT MAX(r.version) INTO v_before_version FROM lockstep_records r WHERE r.entity = v_e AND r.record_key = v_k FOR UPDATE;
      IF v_before_version < v_v THEN
        UPDATE lockstep_records SET version = v_v, deleted = 0, digest = v_d, operation = v_operation
          WHERE entity = v_e AND record_key = v_k;
        SET v_brought = CONCAT(v_brought, '\\n', v_e, v_k, '\\n');
      END IF;
    END IF;
  END LOOP;
  CLOSE brings;
END;`;

function deletes(bound: BoundEntity, keys: readonly string[]): string {
  return bound.owned
    .toReversed()
    .map((table) => `DELETE t FROM ${quoteTable(table.name)} t WHERE ${match(table.key, keys)};`)
    .join('\n');
}

function upserts(bound: BoundEntity, keys: readonly string[]): string {
  const others = bound.owned
    .filter((table) => !table.single)
    .toReversed()
    .map(
      (table) => `DELETE t FROM ${quoteTable(table.name)} t WHERE ${match(table.key, keys)}
  AND NOT EXISTS (SELECT 1 FROM ${recordset(table)} WHERE ${same('t', table)});`,
    );
  return [
    ...bound.referenced.map(upsertReferenced),
    ...others,
    ...bound.owned.map((table) => upsertOwned(bound, table, keys)),
  ].join('\n');
}

/**
 * Update, then insert what is absent; never `ON DUPLICATE KEY UPDATE`, which would change another row that happens to hold
 * the same value under another unique index.
 */
function upsertOwned(bound: BoundEntity, table: BoundTable, keys: readonly string[]): string {
  const own = match(table.key, keys);
  if (table === bound.root && table.single) {
    const change = assignments(table);
    const update =
      change === ''
        ? 'DO 0;'
        : `UPDATE ${quoteTable(table.name)} t, ${recordset(table)} SET ${change} WHERE ${own};`;
    return `IF v_live THEN
  ${update}
ELSE
  ${insert(table)} FROM ${recordset(table)};
END IF;`;
  }
  return updateThenInsert(table, `${own} AND ${same('t', table)}`, '1 = 1');
}

function upsertReferenced(table: BoundTable): string {
  const shared = literal(table.reference?.shared ?? '');
  switch (table.reference?.wins) {
    case 'first':
      return insertAbsent(table, '1 = 1');
    case 'refuse':
      return `${insertAbsent(table, '1 = 1')}
IF EXISTS (SELECT 1 FROM ${recordset(table)} JOIN ${quoteTable(table.name)} t ON ${same('t', table)}
  WHERE NOT (${table.columns.map((column) => `t.${quote(column.name)} <=> ${column.compare(`x.${quote(column.name)}`)}`).join(' AND ')})) THEN
  SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 31000, MESSAGE_TEXT = 'a shared row differs and the shape says refuse';
END IF;`;
    default:
      return updateThenInsert(
        table,
        `${same('t', table)} AND LOCATE(CONCAT('\\n', ${shared}, x.lockstep_guard, '\\n'), v_brought) > 0`,
        '1 = 1',
      );
  }
}

function updateThenInsert(table: BoundTable, matching: string, wanted: string): string {
  const change = assignments(table);
  const update =
    change === ''
      ? ''
      : `UPDATE ${recordset(table)} STRAIGHT_JOIN ${quoteTable(table.name)} t ON ${matching} SET ${change};\n`;
  return update + insertAbsent(table, wanted);
}

function insertAbsent(table: BoundTable, wanted: string): string {
  return `${insert(table)} FROM ${recordset(table)}
  WHERE ${wanted} AND NOT EXISTS (SELECT 1 FROM ${quoteTable(table.name)} u WHERE ${same('u', table)});`;
}

function insert(table: BoundTable): string {
  const names = table.columns.map((column) => quote(column.name)).join(', ');
  return `INSERT INTO ${quoteTable(table.name)} (${names}) SELECT ${table.columns.map(value).join(', ')}`;
}

function assignments(table: BoundTable): string {
  return table.columns
    .filter((column) => !table.identity.some((part) => part.name === column.name))
    .map((column) => `t.${quote(column.name)} = ${value(column)}`)
    .join(', ');
}

function recordset(table: BoundTable): string {
  const cells = table.columns.map(
    (column) => `${quote(column.name)} LONGTEXT PATH ${literal(`$."${column.name}"`)}`,
  );
  if (table.reference) {
    cells.push(
      "lockstep_guard VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PATH '$.lockstep_guard'",
    );
  }
  return `JSON_TABLE(v_rows, ${literal(`$."${table.name}"[*]`)} COLUMNS (${cells.join(', ')})) x`;
}

function value(column: BoundColumn): string {
  return column.write(`x.${quote(column.name)}`);
}

function same(alias: string, table: BoundTable): string {
  return table.identity
    .map((column) => `${alias}.${quote(column.name)} = ${column.compare(`x.${quote(column.name)}`)}`)
    .join(' AND ');
}

function match(columns: readonly BoundColumn[], keys: readonly string[]): string {
  return columns
    .map((column, index) => `t.${quote(column.name)} = ${column.compare(keys[index] ?? '')}`)
    .join(' AND ');
}

function indent(block: string, spaces: number): string {
  return block.replaceAll(/^/gm, ' '.repeat(spaces));
}
