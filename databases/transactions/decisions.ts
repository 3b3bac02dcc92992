import { type Key, keyFromText, keyText } from '../../model/canonical.ts';
import type { LockstepError, StoreName } from '../../model/failure.ts';
import { isFailureCode } from '../../model/failure-codes.ts';
import type { TransactionDecision } from '../../model/transaction.ts';
import { isVersion, type Version } from '../../model/version.ts';
import { controlRowFault, invalidControlRow, parsedOrUndefined } from '../contract/control-row.ts';
import { operationIdOf, transactionKey } from '../contract/transaction-key.ts';
import type { Decisions, TransactionRecord } from '../contract/transactions.ts';
import type { Parameter, Session, TextCells } from '../engine/session.ts';
import type { StoreContext } from '../sql/context.ts';
import { holdFence } from '../sql/fence.ts';

const maxReasonLength = 500;
const maxListed = 1_000;

export function createDecisions(context: StoreContext): Decisions {
  const { dialect } = context.engine;
  const table = context.control('decisions');
  const columns = ['migration', 'id', 'operation', 'entity', 'record_key', 'attempt'];

  const query: Session['query'] = (sql, parameters) =>
    context.translateErrors(() => context.engine.commitPool.query(sql, parameters));

  async function openTransaction(
    transaction: { operationId: string; entity: string; key: Key },
    attempt: string,
    migration: string,
  ): Promise<{ record: TransactionRecord; isFirst: boolean }> {
    const id = transactionKey(transaction.operationId);
    const { operationId, entity, key } = transaction;
    await query(dialect.insertNew(table, columns, ['migration', 'id']), [
      migration,
      id,
      operationId,
      entity,
      keyText(key),
      attempt,
    ]);
    const record = await known(migration, id);
    const isFirst = record.attempt === attempt;
    if (isFirst || record.decision !== null) return { record, isFirst };
    await query(
      `UPDATE ${table} SET attempt = ?, began_at = ${dialect.now} WHERE migration = ? AND id = ? AND decision IS NULL`,
      [attempt, migration, id],
    );
    return { record: await known(migration, id), isFirst: false };
  }

  async function decide(
    migration: string,
    transaction: string,
    decision: TransactionDecision,
    primary?: { epoch: number },
  ): Promise<TransactionRecord> {
    if (primary) {
      await context.transaction(async (session) => {
        await holdFence(context, session, { migration, epoch: primary.epoch }, 'primary', []);
        await decideOn(session, migration, transaction, decision);
      });
    } else await decideOn({ query }, migration, transaction, decision);
    return await known(migration, transaction);
  }

  async function decideOn(
    session: Session,
    migration: string,
    transaction: string,
    decision: TransactionDecision,
  ): Promise<void> {
    if (decision.decision === 'abort') {
      // Also where there is no record yet: a commit that comes later must lose.
      await session.query(dialect.insertNew(table, columns, ['migration', 'id']), [
        migration,
        transaction,
        operationIdOf(transaction) ?? transaction,
        '',
        keyText([]),
        '',
      ]);
    }
    const { sql, parameters } = deciding(context, migration, transaction, decision);
    await session.query(sql, parameters);
  }

  async function decision(migration: string, transaction: string): Promise<TransactionRecord | null> {
    const [row] = await query(`${select()} WHERE migration = ? AND id = ?`, [migration, transaction]);
    return row ? recordOf(row, context.name) : null;
  }

  async function undecided(migration: string, olderThanMs: number): Promise<TransactionRecord[]> {
    const rows = await query(
      `${select()} WHERE migration = ? AND decision IS NULL ORDER BY began_at LIMIT ${maxListed}`,
      [migration],
    );
    return rows.map((row) => recordOf(row, context.name)).filter((record) => record.ageMs >= olderThanMs);
  }

  async function known(migration: string, transaction: string): Promise<TransactionRecord> {
    const record = await decision(migration, transaction);
    if (record) return record;
    throw new TypeError(`the ${context.name} store lost the record of transaction ${transaction}`);
  }

  function select(): string {
    return `SELECT id, operation, entity, record_key, attempt, decision, versions, code, reason,
      ${dialect.millisecondsOf(dialect.now)} - ${dialect.millisecondsOf('began_at')} AS age_ms FROM ${table}`;
  }

  async function forgetUndecided(
    migration: string,
    { transaction, attempt }: TransactionRecord,
  ): Promise<void> {
    await query(`DELETE FROM ${table} WHERE migration = ? AND id = ? AND attempt = ? AND decision IS NULL`, [
      migration,
      transaction,
      attempt,
    ]);
  }

  return { openTransaction, decide, decision, undecided, forgetUndecided };
}

/** Decides inside a transaction of the coordinating store itself. Where the attempt is no longer open, nothing may commit. */
export async function decideWithin(
  context: StoreContext,
  session: Session,
  migration: string,
  transaction: string,
  decision: TransactionDecision & { decision: 'commit' },
): Promise<boolean> {
  const { sql, parameters } = deciding(context, migration, transaction, decision);
  await session.query(sql, parameters);
  const [row] = await session.query(
    `SELECT attempt, decision FROM ${context.control('decisions')} WHERE migration = ? AND id = ?`,
    [migration, transaction],
  );
  return row?.decision === 'commit' && row.attempt === decision.attempt;
}

function deciding(
  context: StoreContext,
  migration: string,
  transaction: string,
  decision: TransactionDecision,
): { sql: string; parameters: Parameter[] } {
  const set = `UPDATE ${context.control('decisions')} SET decision = ?, versions = ?, code = ?, reason = ?, decided_at = ${context.engine.dialect.now}
    WHERE migration = ? AND id = ? AND decision IS NULL`;
  if (decision.decision === 'abort') {
    const reason = decision.reason.slice(0, maxReasonLength);
    return { sql: set, parameters: ['abort', null, decision.code, reason, migration, transaction] };
  }
  const versions = JSON.stringify(decision.versions);
  return {
    sql: `${set} AND attempt = ?`,
    parameters: ['commit', versions, null, null, migration, transaction, decision.attempt],
  };
}

function recordOf(row: TextCells, store: StoreName): TransactionRecord {
  const { decision, code } = row;
  const versions = decision === 'commit' ? versionsIn(row.versions) : null;
  if (decision === 'commit' && versions === null) throw invalidRecord(row, store, 'list of versions');
  if (decision !== null && decision !== 'commit' && decision !== 'abort') {
    throw invalidRecord(row, store, 'decision');
  }
  return {
    transaction: row.id ?? '',
    operationId: row.operation ?? '',
    entity: row.entity ?? '',
    key: keyFromText(row.record_key ?? '[]'),
    attempt: row.attempt ?? '',
    decision,
    versions,
    code: isFailureCode(code) ? code : null,
    reason: row.reason ?? null,
    ageMs: Number(row.age_ms),
  };
}

function invalidRecord({ id }: TextCells, store: StoreName, what: string): LockstepError {
  return invalidControlRow(controlRowFault('decisions', `the ${what} of transaction ${id} is none`), store);
}

function versionsIn(text: string | null | undefined): Version[] | null {
  const versions = parsedOrUndefined(text ?? '');
  return Array.isArray(versions) && versions.every(isVersion) ? versions : null;
}
