import { type Image, type Key, keyFromText, keyText } from '../model/canonical.ts';
import { type OperationStatus, operationStatuses } from '../model/operation.ts';
import { type Access, marks } from './access.ts';
import type { Parameter, TextCells } from './engine.ts';
import type { JournalEntry, JournalFilter } from './store.ts';

/** The operations table: idempotency, abort markers, and what is owed. */
export function journalOf(access: Access) {
  async function abort(
    entry: { id: string; entity: string; key: Key; kind: string },
    migration: string,
  ): Promise<JournalEntry> {
    const table = access.control('operations');
    const columns = ['id', 'migration', 'entity', 'record_key', 'kind', 'status'];
    await access.query(access.engine.text.insertNew(table, columns, ['id']), [
      entry.id,
      migration,
      entry.entity,
      keyText(entry.key),
      entry.kind,
      'aborted',
    ]);
    const [found] = await journal({ migration, ids: [entry.id], limit: 1 });
    if (!found) throw new TypeError(`operation ${entry.id} is used by another migration`);
    return found;
  }

  async function settle(ids: readonly string[], status: OperationStatus, reason?: string): Promise<void> {
    if (ids.length === 0) return;
    // Once nothing is owed, nothing can be compensated any more.
    const over = status !== 'pending' && status !== 'parked';
    const from = status === 'compensated' ? ['pending', 'parked', 'completed'] : ['pending', 'parked'];
    await access.query(
      `UPDATE ${access.control('operations')} SET status = ?, reason = ?, updated_at = ${access.engine.text.now}${over ? ', before_image = NULL' : ''}
       WHERE id IN (${marks(ids)}) AND status IN (${marks(from)})`,
      [status, reason ?? null, ...ids, ...from],
    );
  }

  async function journal(filter: JournalFilter): Promise<JournalEntry[]> {
    const { statuses, ids } = filter;
    const conditions = ['migration = ?'];
    const parameters: Parameter[] = [filter.migration];
    if (statuses) {
      conditions.push(`status IN (${marks(statuses)})`);
      parameters.push(...statuses);
    }
    if (ids) {
      conditions.push(`id IN (${marks(ids)})`);
      parameters.push(...ids);
    }
    const rows = await access.query(
      `SELECT id, entity, record_key, kind, status, version, reason, before_image, ${access.engine.text.milliseconds('created_at')} AS created_ms
       FROM ${access.control('operations')} WHERE ${conditions.join(' AND ')} ORDER BY created_at, id LIMIT ${Math.floor(filter.limit)}`,
      parameters,
    );
    return rows.map(entryOf);
  }

  async function owed(migration: string) {
    const [row] = await access.query(
      `SELECT COALESCE(SUM(CASE WHEN status = 'pending' THEN 1 ELSE 0 END), 0) AS pending,
         COALESCE(SUM(CASE WHEN status = 'parked' THEN 1 ELSE 0 END), 0) AS parked,
         ${access.engine.text.milliseconds(access.engine.text.now)} - MIN(${access.engine.text.milliseconds('created_at')}) AS oldest
       FROM ${access.control('operations')} WHERE migration = ? AND status IN ('pending', 'parked')`,
      [migration],
    );
    const oldest = row?.oldest ?? null;
    return {
      pending: Number(row?.pending ?? 0),
      parked: Number(row?.parked ?? 0),
      oldestMs: oldest === null ? null : Number(oldest),
    };
  }

  return { abort, settle, journal, owed };
}

export function statusOf(text: string | null | undefined): OperationStatus {
  const found = operationStatuses.find((status) => status === text);
  if (!found) throw new TypeError('the journal holds an unknown status');
  return found;
}

function entryOf(row: TextCells): JournalEntry {
  const before = row.before_image ?? null;
  return {
    id: row.id ?? '',
    entity: row.entity ?? '',
    key: keyFromText(row.record_key ?? '[]'),
    kind: row.kind ?? '',
    status: statusOf(row.status),
    version: row.version ?? null,
    reason: row.reason ?? null,
    before: before === null ? null : (JSON.parse(before) as Image | null),
    createdAtMs: Number(row.created_ms),
  };
}
