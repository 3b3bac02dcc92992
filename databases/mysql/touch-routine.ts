import type { BoundEntity } from '../columns/bound.ts';
import { equals } from '../columns/column.ts';
import type { TouchRefusal } from '../contract/touch.ts';
import { touchFenceWaitMs } from '../engine/engine.ts';
import { literal, quote, quoteTable } from './quote.ts';
import { otherDefinition } from './write-routine.ts';

const moved = 31002;
const closed = 31003;
const outside = 31004;
const changing = 31005;

const fencePauseMs = 5;
const fenceTries = touchFenceWaitMs / fencePauseMs;
/** As MariaDB says it, and as MySQL does: each takes the other's for a comment. */
const sharedUnlessTaken = '/*M! LOCK IN SHARE MODE SKIP LOCKED */ /*!80000 FOR SHARE SKIP LOCKED */';

/** By the number of the error; what a transaction in a database of another kind says stands here as well. */
export const touchRefusals: Readonly<Record<string, TouchRefusal>> = {
  [moved]: 'moved',
  [closed]: 'closed',
  [outside]: 'outside',
  [changing]: 'changing',
  [otherDefinition]: 'definition',
  '1146': 'missing',
  '1305': 'missing',
  // Of another number of arguments: its key has another number of parts.
  '1318': 'definition',
  // PostgreSQL's state for a statement that it cannot parse.
  '42601': 'moved',
};

export function touchName(entity: string): string {
  return quote(`lockstep_touch_${entity}`);
}

const keyType = 'VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';
const partType = 'LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

/**
 * What a transaction of the caller's runs for the keys that it writes: fence, versions and journal. What decides is read with a lock,
 * and so as it is now, whatever snapshot the transaction has. A single key comes as it is, because JSON costs more than all the
 * rest. Most often the route is as the caller knows it and the record is older, or new: so those are tried first, and looked into where
 * they turn out otherwise. A row costs as much as a statement, so only what is not plain is answered by one, or whoever asks for it.
 *
 * @param fingerprint of the definition that it is made for; it refuses callers that have another one
 */
export function touchRoutine(bound: BoundEntity, fingerprint: string): string {
  const { entity, root, store } = bound;
  const name = literal(entity.name);
  const parts = root.key.map((_, index) => `k${index + 1}`);
  const noRowOf = (prefix: string) => {
    const own = root.key.map((column, index) =>
      equals(column, `t.${quote(column.name)}`, `${prefix}${parts[index]}`),
    );
    return `NOT EXISTS (SELECT 1 FROM ${quoteTable(root.name)} t WHERE ${own.join(' AND ')})`;
  };
  const cells = [
    'at FOR ORDINALITY',
    `k ${keyType} PATH '$[0]'`,
    ...parts.map((part, index) => `${part} ${partType} PATH '$[${index + 1}]'`),
  ];
  const list = `JSON_TABLE(p_list, '$[*]' COLUMNS (${cells.join(', ')})) i`;
  const withRecords = `lockstep_records r FORCE INDEX (PRIMARY) ON r.entity = ${name} AND r.record_key = i.k`;
  const record = `r.entity = ${name} AND r.record_key = p_key`;
  const newRecord = 'INSERT INTO lockstep_records (entity, record_key, version, deleted, operation)';
  const ifOlder = (value: string, column: string) =>
    `${column} = IF(lockstep_records.version < VALUES(version), ${value}, lockstep_records.${column})`;
  const entry =
    'INSERT INTO lockstep_operations (id, migration, entity, record_key, kind, status, version, epoch, copied)';
  const signal = (number: number, message: string) =>
    `SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = ${number}, MESSAGE_TEXT = ${literal(message)};`;
  return `CREATE PROCEDURE ${touchName(entity.name)}(p_migration VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin, p_epoch BIGINT, p_fingerprint VARCHAR(64), p_version BIGINT, p_id VARCHAR(200) CHARACTER SET ascii,
  p_answer INT, p_list LONGTEXT CHARACTER SET utf8mb4, p_key ${keyType}, ${parts.map((part) => `p_${part} ${partType}`).join(', ')})
SQL SECURITY INVOKER
BEGIN
  DECLARE v_epoch, v_open BIGINT;
  DECLARE v_version BIGINT DEFAULT p_version;
  DECLARE v_taken, v_tries INT DEFAULT 0;
  DECLARE v_primary VARCHAR(20) CHARACTER SET ascii;
  DECLARE v_absent VARCHAR(1000) CHARACTER SET ascii DEFAULT '0';

  BEGIN
    DECLARE EXIT HANDLER FOR 1305 ${signal(outside, 'there is no transaction')}
    SAVEPOINT lockstep_touch;
    RELEASE SAVEPOINT lockstep_touch;
  END;
  SELECT s.epoch INTO v_epoch FROM lockstep_state s
    WHERE s.migration = p_migration AND s.primary_store = ${literal(store)} AND s.open = 1 AND s.epoch >= p_epoch ${sharedUnlessTaken};
  IF v_epoch IS NULL OR NOT (p_fingerprint <=> ${literal(fingerprint)}) THEN
    -- The caller may hold rows for which others wait who have the fence already, and a change of the route for those. In the queue behind
    -- it he would close the circle, and the change, which has written nothing, is what the server ends.
    fence: LOOP
      SELECT MAX(s.epoch), MAX(s.open), MAX(s.primary_store) INTO v_epoch, v_open, v_primary
        FROM lockstep_state s WHERE s.migration = p_migration ${sharedUnlessTaken};
      IF v_epoch IS NOT NULL THEN
        LEAVE fence;
      END IF;
      -- A statement of its own: in a condition it would read with a lock.
      SELECT COUNT(*) INTO v_taken FROM lockstep_state s WHERE s.migration = p_migration;
      IF v_taken = 0 THEN
        LEAVE fence;
      END IF;
      IF v_tries = ${fenceTries} THEN
        ${signal(changing, 'a change of the route waits for other transactions')}
      END IF;
      SET v_tries = v_tries + 1;
      DO SLEEP(${fencePauseMs / 1_000});
    END LOOP;
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
  END IF;

  IF p_list IS NULL THEN
    ${newRecord}
      VALUES (${name}, p_key, p_version, 0, p_id)
      ON DUPLICATE KEY UPDATE ${ifOlder('VALUES(operation)', 'operation')}, ${ifOlder('0', 'deleted')},
        ${ifOlder('NULL', 'digest')}, ${ifOlder('VALUES(version)', 'version')};
    IF ROW_COUNT() <> 2 THEN
      UPDATE lockstep_records r SET r.version = r.version + 1, r.deleted = 0, r.digest = NULL, r.operation = p_id
        WHERE ${record} AND NOT (r.operation <=> p_id);
      IF ROW_COUNT() = 0 THEN
        SET v_absent = ${noRowOf('p_')};
      ELSE
        SELECT r.version INTO v_version FROM lockstep_records r WHERE ${record};
      END IF;
    END IF;
    ${entry}
      VALUES (p_id, p_migration, ${name}, p_key, 'touch', 'pending', v_version, v_epoch, 'to');
  ELSE
    SELECT GROUP_CONCAT(r.version IS NULL AND ${noRowOf('i.')} ORDER BY i.at SEPARATOR '') INTO v_absent
      FROM ${list} LEFT JOIN ${withRecords};
    ${newRecord}
      SELECT ${name}, i.k, p_version, 0, CONCAT(p_id, ':', i.at) FROM ${list} ORDER BY i.at
      ON DUPLICATE KEY UPDATE version = GREATEST(VALUES(version), lockstep_records.version + 1), deleted = 0, digest = NULL,
        operation = VALUES(operation);
    SELECT MAX(r.version) INTO v_version FROM ${list} STRAIGHT_JOIN ${withRecords};
    IF v_version > p_version THEN
      UPDATE ${list} STRAIGHT_JOIN ${withRecords} SET r.version = v_version;
    END IF;
    ${entry}
      SELECT CONCAT(p_id, ':', i.at), p_migration, ${name}, i.k, 'touch', 'pending', v_version, v_epoch, 'to' FROM ${list};
  END IF;
  IF p_answer OR v_version > p_version OR v_absent <> '0' THEN
    SELECT CONCAT('lockstep:', v_version, ':', v_absent) AS touched;
  END IF;
END`;
}

export function touchSql({ entity, root }: BoundEntity): string {
  return `CALL ${touchName(entity.name)}(?, ?, ?, ?, ?, ?, ?, ?${', ?'.repeat(root.key.length)})`;
}
