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
const anyText = 'LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

/**
 * What a transaction of the caller's runs for the keys that it writes: fence, versions and journal. All that it reads for a
 * decision it reads with a lock, and so as it is now, whatever snapshot the transaction has. A list of one key is taken out
 * of its JSON by hand: JSON_TABLE costs a temporary table.
 *
 * @param fingerprint of the definition that it is made for; it refuses callers that have another one
 */
export function touchRoutine(bound: BoundEntity, fingerprint: string): string {
  const { entity, root, store } = bound;
  const name = literal(entity.name);
  const keys = root.key.map((_, index) => `v_k${index + 1}`);
  const own = (references: readonly string[]) =>
    root.key
      .map((column, index) => equals(column, `t.${quote(column.name)}`, references[index] ?? 'NULL'))
      .join(' AND ');
  const member = (at: number) => `JSON_UNQUOTE(JSON_EXTRACT(p_keys, '$[0][${at}]'))`;
  const cells = [
    'at FOR ORDINALITY',
    `k ${keyType} PATH '$[0]'`,
    ...root.key.map((_, index) => `k${index + 1} ${anyText} PATH '$[${index + 1}]'`),
  ];
  const list = `JSON_TABLE(p_keys, '$[*]' COLUMNS (${cells.join(', ')})) i`;
  const raise = `ON DUPLICATE KEY UPDATE version = GREATEST(VALUES(version), lockstep_records.version + 1), deleted = 0, digest = NULL,
      operation = VALUES(operation)`;
  const signal = (number: number | string, message: string) =>
    `SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = ${number}, MESSAGE_TEXT = ${literal(message)};`;
  return `CREATE PROCEDURE ${touchName(entity.name)}(p_migration VARCHAR(64), p_epoch BIGINT, p_fingerprint VARCHAR(64), p_version BIGINT, p_id VARCHAR(200), p_keys LONGTEXT CHARACTER SET utf8mb4)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_epoch, v_open, v_version BIGINT;
  DECLARE v_primary VARCHAR(20) CHARACTER SET ascii;
  DECLARE v_key ${keyType};
  DECLARE ${keys.join(', ')} ${anyText};
  DECLARE v_absent LONGTEXT CHARACTER SET ascii;

  BEGIN
    DECLARE EXIT HANDLER FOR 1305 ${signal(outside, 'there is no transaction')}
    SAVEPOINT lockstep_touch;
    RELEASE SAVEPOINT lockstep_touch;
  END;
  SELECT MAX(s.epoch), MAX(s.open), MAX(s.primary_store) INTO v_epoch, v_open, v_primary
    FROM lockstep_state s WHERE s.migration = p_migration LOCK IN SHARE MODE;
  IF NOT (v_primary <=> ${literal(store)}) OR v_epoch < p_epoch THEN
    ${signal(moved, `the ${store} store is not the primary`)}
  END IF;
  IF v_open = 0 THEN
    ${signal(closed, 'the primary is being changed')}
  END IF;
  IF NOT (p_fingerprint <=> ${literal(fingerprint)}) THEN
    IF v_epoch > p_epoch THEN
      ${signal(moved, 'the route has changed')}
    END IF;
    ${signal(otherDefinition, 'the caller has another definition')}
  END IF;

  IF JSON_LENGTH(p_keys) = 1 THEN
    SET v_key = ${member(0)}, ${keys.map((key, index) => `${key} = ${member(index + 1)}`).join(', ')};
    INSERT INTO lockstep_records (entity, record_key, version, deleted, operation)
      VALUES (${name}, v_key, p_version, 0, CONCAT(p_id, ':1'))
      ${raise};
    SELECT r.version INTO v_version FROM lockstep_records r WHERE r.entity = ${name} AND r.record_key = v_key FOR UPDATE;
    INSERT INTO lockstep_operations (id, migration, entity, record_key, kind, status, version, epoch)
      VALUES (CONCAT(p_id, ':1'), p_migration, ${name}, v_key, 'touch', 'pending', v_version, v_epoch);
    SET v_absent = NOT EXISTS (SELECT 1 FROM ${quoteTable(root.name)} t WHERE ${own(keys)});
  ELSE
    INSERT INTO lockstep_records (entity, record_key, version, deleted, operation)
      SELECT ${name}, i.k, p_version, 0, CONCAT(p_id, ':', i.at) FROM ${list} ORDER BY i.at
      ${raise};
    SELECT MAX(r.version) INTO v_version FROM ${list}
      STRAIGHT_JOIN lockstep_records r FORCE INDEX (PRIMARY) ON r.entity = ${name} AND r.record_key = i.k;
    IF v_version > p_version THEN
      UPDATE ${list} STRAIGHT_JOIN lockstep_records r FORCE INDEX (PRIMARY) ON r.entity = ${name} AND r.record_key = i.k
        SET r.version = v_version;
    END IF;
    INSERT INTO lockstep_operations (id, migration, entity, record_key, kind, status, version, epoch)
      SELECT CONCAT(p_id, ':', i.at), p_migration, ${name}, i.k, 'touch', 'pending', v_version, v_epoch FROM ${list};
    SELECT GROUP_CONCAT(NOT EXISTS (SELECT 1 FROM ${quoteTable(root.name)} t WHERE ${own(root.key.map((_, index) => `i.k${index + 1}`))})
      ORDER BY i.at SEPARATOR '') INTO v_absent FROM ${list};
  END IF;
  SELECT CONCAT('lockstep:', v_version, ':', v_absent) AS touched;
END`;
}

export function touchSql(bound: BoundEntity): string {
  return `CALL ${touchName(bound.entity.name)}(?, ?, ?, ?, ?, ?)`;
}
