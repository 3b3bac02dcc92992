import type { BoundEntity } from '../columns/bound.ts';
import { equals } from '../columns/column.ts';
import { onceForEach } from '../columns/fingerprint.ts';
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

export function touchListName(entity: string): string {
  return quote(`lockstep_touches_${entity}`);
}

const keyType = 'VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';
const partType = 'LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

const migrationType = 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin';
const fingerprintType = 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin';
const idType = 'VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin';
const leadingParameters = `p_migration ${migrationType}, p_epoch BIGINT, p_fingerprint ${fingerprintType}, p_version BIGINT, p_id ${idType}`;

const newRecord = 'INSERT INTO lockstep_records (entity, record_key, version, deleted, operation)';
const entry =
  'INSERT INTO lockstep_operations (id, migration, entity, record_key, kind, status, version, epoch, copied)';

/**
 * What a transaction of the caller's runs for the key that it writes: fence, version and journal. What decides is read with a lock, and so as it is
 * now, whatever snapshot the transaction has. Most often the route is as the caller knows it and the record is older, or new: so those are tried
 * first, and looked into where they turn out otherwise. A row costs as much as a statement, so only what is not plain is answered by one, or whoever
 * asks for it; each parameter, variable and comparison costs a microsecond, which is why there are so few.
 *
 * @param fingerprint of the definition that it is made for; it refuses callers that have another one
 */
export function touchRoutine(bound: BoundEntity, fingerprint: string): string {
  const { entity, root, store } = bound;
  const name = literal(entity.name);
  const parts = partsOf(root).map((part) => `p_${part}`);
  const record = `r.entity = ${name} AND r.record_key = p_key`;
  const ifOlder = (value: string, column: string) =>
    `${column} = IF(lockstep_records.version < VALUES(version), ${value}, lockstep_records.${column})`;
  return `CREATE PROCEDURE ${touchName(entity.name)}(${leadingParameters}, p_answer INT, p_key ${keyType}, ${parts.map((part) => `${part} ${partType}`).join(', ')})
SQL SECURITY INVOKER
touching: BEGIN
  DECLARE v_epoch BIGINT;
  ${inTransaction}
  SELECT IF(s.open = 1 AND s.primary_store = ${literal(store)}, s.epoch, NULL) INTO v_epoch FROM lockstep_state s
    WHERE s.migration = p_migration ${sharedUnlessTaken};
  IF v_epoch IS NULL OR v_epoch < p_epoch OR NOT (p_fingerprint <=> ${literal(fingerprint)}) THEN
    -- It waits, or says why not.
    CALL ${touchListName(entity.name)}(p_migration, p_epoch, p_fingerprint, p_version, p_id, JSON_ARRAY(JSON_ARRAY(p_key, ${parts.join(', ')})));
    LEAVE touching;
  END IF;
  ${newRecord}
    VALUES (${name}, p_key, p_version, 0, p_id)
    ON DUPLICATE KEY UPDATE ${ifOlder('VALUES(operation)', 'operation')}, ${ifOlder('0', 'deleted')},
      ${ifOlder('NULL', 'digest')}, ${ifOlder('VALUES(version)', 'version')};
  IF ROW_COUNT() <> 2 THEN
    UPDATE lockstep_records r SET r.version = r.version + 1, r.deleted = 0, r.digest = NULL, r.operation = p_id
      WHERE ${record} AND NOT (r.operation <=> p_id);
    IF ROW_COUNT() = 0 THEN
      -- 2 says that the key is absent.
      SET p_answer = IF(${noRow(root, parts)}, 2, p_answer);
    ELSE
      SELECT r.version, 1 INTO p_version, p_answer FROM lockstep_records r WHERE ${record};
    END IF;
  END IF;
  ${entry}
    VALUES (p_id, p_migration, ${name}, p_key, 'touch', 'pending', p_version, v_epoch, 'to');
  IF p_answer THEN
    SELECT CONCAT('lockstep:', p_version, ':', p_answer = 2) AS touched;
  END IF;
END`;
}

/**
 * As `touchRoutine`, for a list of keys, which all get one version; for a single one as well where the route is not as its caller knows it. It
 * always answers.
 */
export function touchListRoutine(bound: BoundEntity, fingerprint: string): string {
  const { entity, root, store } = bound;
  const name = literal(entity.name);
  const parts = partsOf(root);
  const cells = [
    'at FOR ORDINALITY',
    `k ${keyType} PATH '$[0]'`,
    ...parts.map((part, index) => `${part} ${partType} PATH '$[${index + 1}]'`),
  ];
  const list = `JSON_TABLE(p_list, '$[*]' COLUMNS (${cells.join(', ')})) i`;
  const withRecords = `lockstep_records r FORCE INDEX (PRIMARY) ON r.entity = ${name} AND r.record_key = i.k`;
  const absent = noRow(
    root,
    parts.map((part) => `i.${part}`),
  );
  const signal = (number: number, message: string) =>
    `SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = ${number}, MESSAGE_TEXT = ${literal(message)};`;
  return `CREATE PROCEDURE ${touchListName(entity.name)}(${leadingParameters}, p_list LONGTEXT CHARACTER SET utf8mb4)
SQL SECURITY INVOKER
BEGIN
  DECLARE v_epoch, v_open, v_version BIGINT;
  DECLARE v_taken, v_tries INT DEFAULT 0;
  DECLARE v_primary VARCHAR(20) CHARACTER SET ascii;
  DECLARE v_absent VARCHAR(1000) CHARACTER SET ascii;
  ${inTransaction}
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

  SELECT GROUP_CONCAT(r.version IS NULL AND ${absent} ORDER BY i.at SEPARATOR '') INTO v_absent
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
  SELECT CONCAT('lockstep:', v_version, ':', v_absent) AS touched;
END`;
}

/** There is no savepoint to release outside of one. */
const inTransaction = `BEGIN
    DECLARE EXIT HANDLER FOR 1305
      SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = ${outside}, MESSAGE_TEXT = 'there is no transaction';
    SAVEPOINT lockstep_touch;
    RELEASE SAVEPOINT lockstep_touch;
  END;`;

function partsOf(root: BoundEntity['root']): string[] {
  return root.key.map((_, index) => `k${index + 1}`);
}

/** @param parts where the parts of the key stand */
function noRow(root: BoundEntity['root'], parts: readonly string[]): string {
  const own = root.key.map((column, index) => equals(column, `t.${quote(column.name)}`, parts[index] ?? ''));
  return `NOT EXISTS (SELECT 1 FROM ${quoteTable(root.name)} t WHERE ${own.join(' AND ')})`;
}

/** The statements for a single key, whose parts follow, and for a list of them. */
export const touchCalls = onceForEach(({ entity, root }) => {
  const [name, listName] = [touchName(entity.name), touchListName(entity.name)];
  return {
    single: { name, sql: `CALL ${name}(?, ?, ?, ?, ?, ?, ?${', ?'.repeat(root.key.length)})` },
    list: { name: listName, sql: `CALL ${listName}(?, ?, ?, ?, ?, ?)` },
  };
});
