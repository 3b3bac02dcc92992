import { type Image, isCorruptKey, isImage, type Key, keyFromText, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { type AnyFailureCode, isFailureCode } from '../../model/failure-codes.ts';
import { type OperationStatus, operationStatuses } from '../../model/operation.ts';
import { isVersion } from '../../model/version.ts';
import { controlRowFault, parsedOrUndefined } from '../contract/control-row.ts';
import {
  assertSound,
  type Decision,
  type JournalBacklog,
  type JournalEntry,
  type JournalFilter,
  type SoundEntry,
} from '../contract/journal.ts';
import { type RecordedRefusal, refusalInText, textOfRefusal } from '../contract/recorded-refusal.ts';
import type { Parameter, TextCells } from '../engine/session.ts';
import { placeholders, type StoreContext } from './context.ts';
import { holdFence } from './fence.ts';
import { createJournalPruning } from './journal-pruning.ts';
import { beyond } from './keyset.ts';

const maxReasonLength = 500;

/** The operations table: idempotency, abort markers, and what is pending. */
export function createJournal(context: StoreContext) {
  const { millisecondsOf, now, insertNew } = context.engine.dialect;

  async function abort(
    entry: { id: string; entity: string; key: Key; kind: string },
    migration: string,
    { primary }: { primary?: { epoch: number } } = {},
  ): Promise<SoundEntry> {
    const columns = ['id', 'migration', 'entity', 'record_key', 'kind', 'status'];
    const insert = insertNew(context.control('operations'), columns, ['id']);
    const { id, entity, key, kind } = entry;
    const values = [id, migration, entity, keyText(key), kind, 'aborted'];
    if (primary) {
      await context.transaction(async (session) => {
        await holdFence(context, session, { migration, epoch: primary.epoch }, 'primary', []);
        await session.query(insert, values);
      });
    } else await context.query(insert, values);
    const [found] = await journal({ migration, ids: [entry.id], limit: 1 });
    if (!found) throw new TypeError(`operation ${entry.id} is used by another migration`);
    assertSound(found, context.name);
    return found;
  }

  async function setOperationStatus(
    ids: readonly string[],
    status: OperationStatus,
    reason?: string,
  ): Promise<void> {
    const from = status === 'compensated' ? ['pending', 'parked', 'completed'] : ['pending', 'parked'];
    await change(ids, { status, reason }, { sql: `status IN (${placeholders(from)})`, values: from });
  }

  async function completePending(ids: readonly string[]): Promise<void> {
    await change(ids, { status: 'completed' }, { sql: "status = 'pending' AND refusal IS NULL", values: [] });
  }

  /** @param where of which of them it is the status */
  async function change(
    ids: readonly string[],
    { status, reason }: { readonly status: OperationStatus; readonly reason?: string | undefined },
    where: { readonly sql: string; readonly values: readonly string[] },
  ): Promise<void> {
    if (ids.length === 0) return;
    // Once nothing is pending, nothing can be compensated any more.
    const over = status !== 'pending' && status !== 'parked';
    // Completing is a try of the other store too: the one that it took, whatever it had refused before.
    const completes = status === 'completed' ? ', attempts = attempts + 1, refusal = NULL' : '';
    await context.query(
      `UPDATE ${context.control('operations')} SET status = ?, reason = COALESCE(?, reason), updated_at = ${now}, copied = NULL${completes}${over ? ', before_image = NULL' : ''}
       WHERE id IN (${placeholders(ids)}) AND ${where.sql}`,
      [status, reason?.slice(0, maxReasonLength) ?? null, ...ids, ...where.values],
    );
  }

  /** Only what was never decided here has no version; a zombie, which has no fence, changes no decision of this store's. */
  const undecided = "version IS NULL AND status IN ('tentative', 'parked', 'aborted')";

  async function settleTentative(id: string, { status, version, reason, refusal }: Decision): Promise<void> {
    await context.query(
      `UPDATE ${context.control('operations')} SET status = ?, version = ?, reason = ?, refusal = ?, updated_at = ${now} WHERE id = ? AND ${undecided}`,
      [status, version, refusal ? null : reason, refusal && textOfRefusal(refusal), id],
    );
  }

  async function forgetTentative(id: string): Promise<void> {
    await context.query(
      `DELETE FROM ${context.control('operations')} WHERE id = ? AND status = 'tentative'`,
      [id],
    );
  }

  async function noteRefusal(id: string, refusal: RecordedRefusal): Promise<void> {
    await context.query(
      `UPDATE ${context.control('operations')} SET refusal = COALESCE(refusal, ?), copied = NULL
       WHERE id = ? AND status IN ('pending', 'parked', 'completed', 'compensated')`,
      [textOfRefusal(refusal), id],
    );
  }

  async function park(
    id: string,
    { failure, reason, undoing = false }: { failure: AnyFailureCode; reason: string; undoing?: boolean },
  ): Promise<void> {
    const from = undoing ? ['pending', 'parked', 'completed', 'tentative'] : ['pending', 'parked'];
    await context.query(
      `UPDATE ${context.control('operations')} SET status = 'parked', failure = ?, reason = ?, updated_at = ${now}, copied = NULL
       WHERE id = ? AND status IN (${placeholders(from)})`,
      [failure, reason.slice(0, maxReasonLength), id, ...from],
    );
  }

  async function recordAttempt(
    ids: readonly string[],
    failure: AnyFailureCode,
    reason: string,
  ): Promise<void> {
    if (ids.length === 0) return;
    await context.query(
      `UPDATE ${context.control('operations')} SET attempts = attempts + 1, failure = ?, reason = ?, updated_at = ${now}
       WHERE id IN (${placeholders(ids)}) AND status IN ('pending', 'parked', 'tentative')`,
      [failure, reason.slice(0, maxReasonLength), ...ids],
    );
  }

  async function journal(filter: JournalFilter): Promise<JournalEntry[]> {
    const { where, parameters } = conditionsOf(filter);
    const direction = filter.newestFirst ? ' DESC' : '';
    // Positions are in milliseconds, which not every engine's column is.
    const order = filter.after === undefined ? 'created_at' : millisecondsOf('created_at');
    const rows = await context.query(
      `SELECT id, entity, record_key, kind, status, version, reason, failure, refusal, attempts, before_image,
         ${millisecondsOf('created_at')} AS created_ms, ${millisecondsOf('updated_at')} AS updated_ms
       FROM ${context.control('operations')} o WHERE ${where} ORDER BY ${order}${direction}, id${direction} LIMIT ${Math.floor(filter.limit)}`,
      parameters,
    );
    return rows.map((row) => entryOf(row, context.migration.entities));
  }

  function conditionsOf(filter: JournalFilter) {
    const { migration, statuses, ids, record, owed, due, overtaken, olderThanMs, after } = filter;
    const conditions = ['migration = ?'];
    const parameters: Parameter[] = [migration];
    if (statuses) {
      conditions.push(`status IN (${placeholders(statuses)})`);
      parameters.push(...statuses);
    }
    if (ids) {
      conditions.push(`id IN (${placeholders(ids)})`);
      parameters.push(...ids);
    }
    if (record) {
      conditions.push('entity = ? AND record_key = ?');
      parameters.push(record.entity, keyText(record.key));
    }
    if (owed) {
      const { kind, entities } = owed;
      const ofEntities = entities.length > 0 ? ` OR entity IN (${placeholders(entities)})` : '';
      conditions.push(`(kind = ?${ofEntities})`);
      parameters.push(kind, ...entities);
    }
    if (due) {
      const { ago } = context.engine.dialect;
      conditions.push(`(attempts = 0 OR (attempts < ? AND updated_at <= ${ago(due.pauseMs)}))`);
      parameters.push(due.attempts);
    }
    if (overtaken) {
      const newer = 'r.entity = o.entity AND r.record_key = o.record_key AND r.version > o.version';
      conditions.push(`EXISTS (SELECT 1 FROM ${context.control('records')} r WHERE ${newer})`);
    }
    if (olderThanMs !== undefined) {
      conditions.push(
        `${millisecondsOf('created_at')} <= ${millisecondsOf(now)} - ${Math.floor(olderThanMs)}`,
      );
    }
    if (after) {
      const parts = [millisecondsOf('created_at'), 'id'].map((reference) => ({ reference, value: '?' }));
      const { sql, values } = beyond(context.engine.dialect, parts, '>', [
        Math.floor(after.createdAtMs),
        after.id,
      ]);
      conditions.push(sql);
      parameters.push(...values);
    }
    return { where: conditions.join(' AND '), parameters };
  }

  async function journalBacklog(migration: string): Promise<JournalBacklog> {
    const rows = await context.query(
      `SELECT status, COUNT(*) AS count, ${millisecondsOf(now)} - MIN(${millisecondsOf('created_at')}) AS oldest
       FROM ${context.control('operations')} WHERE migration = ? AND status IN ('pending', 'parked', 'tentative') GROUP BY status`,
      [migration],
    );
    const of = (status: OperationStatus) => {
      const row = rows.find((candidate) => candidate.status === status);
      return { count: Number(row?.count ?? 0), oldestMs: row ? Math.max(0, Number(row.oldest)) : null };
    };
    const [pending, parked, tentative] = [of('pending'), of('parked'), of('tentative')];
    const ages = [pending, parked, tentative].map(({ oldestMs }) => oldestMs).filter((age) => age !== null);
    return {
      pending: pending.count,
      parked: parked.count,
      tentative: tentative.count,
      oldestMs: ages.length > 0 ? Math.max(...ages) : null,
      oldestPendingMs: pending.oldestMs,
      oldestParkedMs: parked.oldestMs,
      oldestTentativeMs: tentative.oldestMs,
    };
  }

  return {
    abort,
    setOperationStatus,
    completePending,
    settleTentative,
    forgetTentative,
    noteRefusal,
    park,
    recordAttempt,
    journal,
    journalBacklog,
    ...createJournalPruning(context),
  };
}

export function statusOf(text: string | null | undefined): OperationStatus | 'unknown' {
  return operationStatuses.find((status) => status === text) ?? 'unknown';
}

function entryOf(row: TextCells, entities: readonly Entity[]): JournalEntry {
  const before = beforeIn(row.before_image);
  const status = statusOf(row.status);
  const refusal = refusalInText(row.refusal);
  // Until it is undone, what was tried last is of interest.
  const told = status === 'failed' || status === 'compensated' ? refusal : null;
  const reason = told?.message ?? row.reason ?? null;
  // A refusal by the primary because of what the record is, is its own reason.
  const failure = told?.code ?? row.failure ?? (status === 'failed' ? reason : null);
  return {
    id: row.id ?? '',
    fault: faultOf(row, entities),
    entity: row.entity ?? '',
    key: keyFromText(row.record_key ?? '[]'),
    kind: row.kind ?? '',
    status,
    version: row.version ?? null,
    reason,
    failure: isFailureCode(failure) ? failure : null,
    refusal,
    attempts: Number(row.attempts ?? 0),
    before,
    createdAtMs: Number(row.created_ms),
    updatedAtMs: Number(row.updated_ms),
  };
}

const open: readonly (string | null | undefined)[] = ['pending', 'parked', 'tentative'];

/** What is over may be of an entity that the migration had once. */
function faultOf(row: TextCells, entities: readonly Entity[]): string | null {
  const fault = () => {
    if (statusOf(row.status) === 'unknown') return 'its status is none';
    if (isCorruptKey(keyFromText(row.record_key ?? ''))) return 'its record_key is no key';
    if (row.version && !isVersion(row.version)) return 'its version is none';
    if (row.refusal && refusalInText(row.refusal) === null) return 'its refusal is none';
    if (row.before_image && beforeIn(row.before_image) === null) return 'its before_image is no image';
    if (open.includes(row.status) && !entities.some(({ name }) => name === row.entity))
      return 'it is open, and its entity is none of the migration';
    return null;
  };
  const found = fault();
  return found === null ? null : controlRowFault('operations', `${found} (operation ${row.id})`);
}

function beforeIn(text: string | null | undefined): { readonly image: Image | null } | null {
  const image = text ? parsedOrUndefined(text) : undefined;
  return image === null || isImage(image) ? { image } : null;
}
