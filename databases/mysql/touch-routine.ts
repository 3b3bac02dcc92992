import type { BoundEntity } from '../columns/bound.ts';
import { equals } from '../columns/column.ts';
import type { TouchRefusal } from '../contract/touch.ts';
import { literal, quote, quoteTable } from './quote.ts';
import { otherDefinition } from './write-routine.ts';

const moved = 31002;
const closed = 31003;
const outside = 31004;

/** By the number of the error; what a transaction in a database of another kind says stands here as well. */
export const touchRefusals: Readonly<Record<string, TouchRefusal>> = {
  [moved]: 'moved',
  [closed]: 'closed',
  [outside]: 'outside',
  [otherDefinition]: 'definition',
  '1146': 'missing',
  '1305': 'missing',
  // PostgreSQL's state for a statement that it cannot parse.
  '42601': 'moved',
};

export function touchName(entity: string): string {
  return quote(`lockstep_touch_${entity}`);
}

const keyType = 'VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';
const partType = 'LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

/**
 * What a transaction of the caller's runs for the keys that it writes: fence, versions and journal. The statement that raises the
 * versions reads the route with a lock, and so as it is now, whatever snapshot the transaction has; where the route does not let
 * it, it writes nothing, and the route is read once more for the reason. A single key comes as it is: JSON costs more than all
 * the rest.
 *
 * @param fingerprint of the definition that it is made for; it refuses callers that have another one
 */
export function touchRoutine(bound: BoundEntity, fingerprint: string): string {
  const { entity, root, store } = bound;
  const name = literal(entity.name);
  const parts = root.key.map((_, index) => `k${index + 1}`);
  const rowOf = (prefix: string) => {
    const own = root.key.map((column, index) =>
      equals(column, `t.${quote(column.name)}`, `${prefix}${parts[index]}`),
    );
    return `SELECT 1 FROM ${quoteTable(root.name)} t WHERE ${own.join(' AND ')}`;
  };
  const cells = [
    'at FOR ORDINALITY',
    `k ${keyType} PATH '$[0]'`,
    ...parts.map((part, index) => `${part} ${partType} PATH '$[${index + 1}]'`),
  ];
  // A table of its own: MySQL takes no locking read beside JSON_TABLE.
  const list = `(SELECT j.* FROM JSON_TABLE(p_list, '$[*]' COLUMNS (${cells.join(', ')})) j) i`;
  const route = `lockstep_state s WHERE s.migration = p_migration`;
  const raise = (
    key: string,
    at: string,
    from: string,
    order = '',
  ) => `INSERT INTO lockstep_records (entity, record_key, version, deleted, operation)
        SELECT ${name}, ${key}, p_version, 0, CONCAT(p_id, ':', ${at}) FROM ${from}${route}
          AND s.primary_store = ${literal(store)} AND s.open = 1 AND s.epoch >= p_epoch ${order}LOCK IN SHARE MODE
        ON DUPLICATE KEY UPDATE version = GREATEST(VALUES(version), lockstep_records.version + 1), deleted = 0, digest = NULL,
          operation = VALUES(operation);
      SET v_raised = ROW_COUNT();`;
  const signal = (number: number | string, message: string) =>
    `SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = ${number}, MESSAGE_TEXT = ${literal(message)};`;
  return `CREATE PROCEDURE ${touchName(entity.name)}(p_migration VARCHAR(64) CHARACTER SET ascii, p_epoch BIGINT, p_fingerprint VARCHAR(64), p_version BIGINT, p_id VARCHAR(200) CHARACTER SET ascii, p_list LONGTEXT CHARACTER SET utf8mb4,
  p_key ${keyType}, ${parts.map((part) => `p_${part} ${partType}`).join(', ')})
SQL SECURITY INVOKER
BEGIN
  DECLARE v_raised INT DEFAULT 0;
  DECLARE v_epoch, v_open, v_version BIGINT;
  DECLARE v_primary VARCHAR(20) CHARACTER SET ascii;
  DECLARE v_absent VARCHAR(1000) CHARACTER SET ascii DEFAULT '0';

  BEGIN
    DECLARE EXIT HANDLER FOR 1305 ${signal(outside, 'there is no transaction')}
    SAVEPOINT lockstep_touch;
    RELEASE SAVEPOINT lockstep_touch;
  END;
  IF p_fingerprint <=> ${literal(fingerprint)} THEN
    IF p_list IS NULL THEN
      ${raise('p_key', '1', '')}
    ELSE
      SELECT GROUP_CONCAT(r.version IS NULL AND NOT EXISTS (${rowOf('i.')}) ORDER BY i.at SEPARATOR '') INTO v_absent
        FROM ${list} LEFT JOIN lockstep_records r ON r.entity = ${name} AND r.record_key = i.k;
      ${raise('i.k', 'i.at', `${list} STRAIGHT_JOIN `, 'ORDER BY i.at ')}
    END IF;
  END IF;
  IF v_raised = 0 THEN
    SELECT MAX(s.epoch), MAX(s.open), MAX(s.primary_store) INTO v_epoch, v_open, v_primary FROM ${route} LOCK IN SHARE MODE;
    IF NOT (v_primary <=> ${literal(store)}) OR v_epoch < p_epoch THEN
      ${signal(moved, `the ${store} store is not the primary`)}
    END IF;
    IF v_open = 0 THEN
      ${signal(closed, 'the primary is being changed')}
    END IF;
    IF v_epoch > p_epoch THEN
      ${signal(moved, 'the route has changed')}
    END IF;
    ${signal(otherDefinition, 'the caller has another definition')}
  END IF;

  IF p_list IS NULL THEN
    INSERT INTO lockstep_operations (id, migration, entity, record_key, kind, status, version, epoch, copied)
      SELECT r.operation, p_migration, r.entity, r.record_key, 'touch', 'pending', r.version, s.epoch, 'to'
      FROM lockstep_records r STRAIGHT_JOIN ${route} AND r.entity = ${name} AND r.record_key = p_key;
    IF v_raised = 1 AND NOT EXISTS (${rowOf('p_')}) THEN
      SET v_absent = '1';
    END IF;
    SELECT CONCAT('lockstep:', r.version, ':', v_absent) AS touched
      FROM lockstep_records r WHERE r.entity = ${name} AND r.record_key = p_key;
  ELSE
    SELECT MAX(r.version) INTO v_version FROM ${list}
      STRAIGHT_JOIN lockstep_records r FORCE INDEX (PRIMARY) ON r.entity = ${name} AND r.record_key = i.k;
    IF v_version > p_version THEN
      UPDATE ${list} STRAIGHT_JOIN lockstep_records r FORCE INDEX (PRIMARY) ON r.entity = ${name} AND r.record_key = i.k
        SET r.version = v_version;
    END IF;
    INSERT INTO lockstep_operations (id, migration, entity, record_key, kind, status, version, epoch, copied)
      SELECT CONCAT(p_id, ':', i.at), p_migration, ${name}, i.k, 'touch', 'pending', v_version, s.epoch, 'to'
      FROM ${list} STRAIGHT_JOIN ${route};
    SELECT CONCAT('lockstep:', v_version, ':', v_absent) AS touched;
  END IF;
END`;
}

export function touchSql({ entity, root }: BoundEntity): string {
  return `CALL ${touchName(entity.name)}(?, ?, ?, ?, ?, ?, ?${', ?'.repeat(root.key.length)})`;
}
