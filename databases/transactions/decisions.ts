import { type Key, keyFromText, keyText } from '../../model/canonical.ts';
import { isFailureCode } from '../../model/failure-codes.ts';
import type { Verdict } from '../../model/transaction.ts';
import type { Version } from '../../model/version.ts';
import { operationIdOf, transactionKey } from '../contract/transaction-key.ts';
import type { Decisions, TransactionRecord } from '../contract/transactions.ts';
import { movedAway } from '../contract/transactions.ts';
import type { Parameter, Session, TextCells } from '../engine/session.ts';
import type { Access } from '../sql/context.ts';

const reasonLength = 500;
const listed = 1_000;

export function decisionsOf(access: Access): Decisions {
  const { text } = access.engine;
  const table = access.control('decisions');
  const columns = ['migration', 'id', 'operation', 'entity', 'record_key', 'attempt'];

  const query = (sql: string, parameters: readonly Parameter[]) =>
    access.guarded(() => access.engine.aside.query(sql, parameters));

  async function openTransaction(
    transaction: { operationId: string; entity: string; key: Key },
    attempt: string,
    migration: string,
  ): Promise<{ record: TransactionRecord; isFirst: boolean }> {
    const id = transactionKey(transaction.operationId);
    const { operationId, entity, key } = transaction;
    await query(text.insertNew(table, columns, ['migration', 'id']), [
      migration,
      id,
      operationId,
      entity,
      keyText(key),
      attempt,
    ]);
    const record = await known(migration, id);
    const reopens = record.decision === 'abort' && record.code === movedAway;
    const isFirst = record.attempt === attempt;
    if (isFirst || (record.decision !== null && !reopens)) return { record, isFirst };
    await query(
      `UPDATE ${table} SET attempt = ?, began_at = ${text.now}, decision = NULL, code = NULL, reason = NULL
       WHERE migration = ? AND id = ? AND (decision IS NULL OR (decision = 'abort' AND code = ?))`,
      [attempt, migration, id, movedAway],
    );
    return { record: await known(migration, id), isFirst: false };
  }

  async function decide(
    migration: string,
    transaction: string,
    verdict: Verdict,
  ): Promise<TransactionRecord> {
    if (verdict.decision === 'abort') {
      // Also where there is no record yet: a commit that comes later must lose.
      await query(text.insertNew(table, columns, ['migration', 'id']), [
        migration,
        transaction,
        operationIdOf(transaction) ?? transaction,
        '',
        keyText([]),
        '',
      ]);
    }
    const { sql, parameters } = deciding(access, migration, transaction, verdict);
    await query(sql, parameters);
    return await known(migration, transaction);
  }

  async function decision(migration: string, transaction: string): Promise<TransactionRecord | null> {
    const [row] = await query(`${select()} WHERE migration = ? AND id = ?`, [migration, transaction]);
    return row ? recordOf(row) : null;
  }

  async function undecided(migration: string, olderThanMs: number): Promise<TransactionRecord[]> {
    const rows = await query(
      `${select()} WHERE migration = ? AND decision IS NULL ORDER BY began_at LIMIT ${listed}`,
      [migration],
    );
    return rows.map(recordOf).filter((record) => record.ageMs >= olderThanMs);
  }

  async function known(migration: string, transaction: string): Promise<TransactionRecord> {
    const record = await decision(migration, transaction);
    if (record) return record;
    throw new TypeError(`the ${access.name} store lost the record of transaction ${transaction}`);
  }

  function select(): string {
    return `SELECT id, operation, entity, record_key, attempt, decision, versions, code, reason,
      ${text.milliseconds(text.now)} - ${text.milliseconds('began_at')} AS age_ms FROM ${table}`;
  }

  return { openTransaction, decide, decision, undecided };
}

/** Decides inside a transaction of the coordinating store itself. Where the attempt is no longer open, nothing may commit. */
export async function decideWithin(
  access: Access,
  session: Session,
  migration: string,
  transaction: string,
  verdict: Verdict & { decision: 'commit' },
): Promise<boolean> {
  const { sql, parameters } = deciding(access, migration, transaction, verdict);
  await session.query(sql, parameters);
  const [row] = await session.query(
    `SELECT attempt, decision FROM ${access.control('decisions')} WHERE migration = ? AND id = ?`,
    [migration, transaction],
  );
  return row?.decision === 'commit' && row.attempt === verdict.attempt;
}

function deciding(
  access: Access,
  migration: string,
  transaction: string,
  verdict: Verdict,
): { sql: string; parameters: Parameter[] } {
  const set = `UPDATE ${access.control('decisions')} SET decision = ?, versions = ?, code = ?, reason = ?, decided_at = ${access.engine.text.now}
    WHERE migration = ? AND id = ? AND decision IS NULL`;
  if (verdict.decision === 'abort') {
    const reason = verdict.reason.slice(0, reasonLength);
    return { sql: set, parameters: ['abort', null, verdict.code, reason, migration, transaction] };
  }
  const versions = JSON.stringify(verdict.versions);
  return {
    sql: `${set} AND attempt = ?`,
    parameters: ['commit', versions, null, null, migration, transaction, verdict.attempt],
  };
}

function recordOf(row: TextCells): TransactionRecord {
  const { decision, code } = row;
  if (decision !== null && decision !== 'commit' && decision !== 'abort') {
    throw new TypeError('the record of a transaction holds an unknown decision');
  }
  return {
    transaction: row.id ?? '',
    operationId: row.operation ?? '',
    entity: row.entity ?? '',
    key: keyFromText(row.record_key ?? '[]'),
    attempt: row.attempt ?? '',
    decision,
    versions: row.versions ? (JSON.parse(row.versions) as Version[]) : null,
    code: isFailureCode(code) ? code : null,
    reason: row.reason ?? null,
    ageMs: Number(row.age_ms),
  };
}
