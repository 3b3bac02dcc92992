import { randomBytes } from 'node:crypto';
import { isOvertakenRoute } from '../../databases/contract/current-state.ts';
import { transactionKey } from '../../databases/contract/transaction-key.ts';
import type {
  Attempt,
  TransactionOutcome,
  TransactionRecord,
} from '../../databases/contract/transactions.ts';
import {
  type Fence,
  isConflict,
  type Outcome,
  type Refusal as StoredRefusal,
} from '../../databases/contract/write.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import type { AnyFailureCode } from '../../model/failure-codes.ts';
import { isRetryable } from '../../model/is-lockstep-error.ts';
import type { WriteRoute } from '../../model/operation.ts';
import { operationIdAt, type Transaction } from '../../model/transaction.ts';
import type { Version } from '../../model/version.ts';
import type { ActivityContext } from '../context.ts';
import { assertSoundOperations, isSoundRoute } from '../write/sound-operations.ts';
import { commitBranch, finishBranches } from './finish-branches.ts';
import { closeTransaction } from './recover.ts';
import { isOther, journalOf } from './repeats.ts';
import { primaryChanges, type Refusal, secondaryChanges } from './transaction-changes.ts';

/** What became of a transaction. Only what a retry may change is thrown instead. */
export type TransactionResult =
  | {
      readonly status: 'committed';
      readonly versions: readonly Version[];
      readonly coordinator: StoreName;
      /** Stores whose branch is still to be committed, because they were unavailable. */
      readonly unfinished: readonly StoreName[];
    }
  | { readonly status: 'aborted'; readonly code: AnyFailureCode; readonly reason: string }
  | { readonly status: 'fenced' };

export interface Request {
  readonly transaction: Transaction;
  readonly route: WriteRoute;
}

type NotApplied = TransactionOutcome & { readonly status: 'not applied' };

const maxAttempts = 10;
const maxConflicts = 3;
const conflictPauseMs = 100;

export function createTransactionActivities(context: ActivityContext) {
  const { migration, stores, wait, log } = context;

  /**
   * Prepares a branch in each store, decides, and commits both. May be repeated after a failure at any point: a transaction
   * that is decided keeps its decision, and one that is not begins anew once no earlier attempt can commit any more.
   */
  async function executeTransaction({ transaction, route }: Request): Promise<TransactionResult> {
    if (isOvertakenRoute(migration, route)) return { status: 'fenced' };
    assertSoundOperations(migration, transaction.operations);
    if (!(await isSoundRoute(context, route, transaction.operations))) return { status: 'fenced' };
    const attempt: Attempt = {
      migration: migration.name,
      transaction: transactionKey(transaction.id),
      attempt: randomBytes(4).toString('hex'),
      coordinator: route.primary,
    };
    const { record, isFirst } = await open(transaction, attempt);
    if (record.decision !== null) {
      const finished = await finish(record, route.primary);
      const isTaken =
        finished.status === 'committed' &&
        (finished.versions.length !== transaction.operations.length ||
          isOther(await journalOf(stores[route.primary], migration.name, transaction), transaction));
      return isTaken ? { status: 'aborted', ...idTaken(transaction) } : finished;
    }
    if (!isFirst) await finishBranches(context, record, route.primary);
    return route.secondary === null
      ? await executeInOneStore(transaction, route, attempt)
      : await executeInBothStores(transaction, route, route.secondary, attempt);
  }

  /** The stores have not answered for too long: nothing of the transaction may take effect any more. */
  async function abandonTransaction(
    request: Request & { readonly reason: string },
  ): Promise<TransactionResult> {
    const { transaction, route, reason } = request;
    const record = await recordAbort(transaction, route, { code: 'StoreUnavailable', reason });
    if (record === null) return { status: 'fenced' };
    const result = await finish(record, route.primary);
    if (result.status === 'aborted') await closeTransaction(context, record);
    return result;
  }

  /** Commits what was left to commit when a store was unavailable. Safe to repeat. */
  async function finishTransaction(request: {
    readonly transactionId: string;
    readonly coordinator: StoreName;
    readonly store: StoreName;
  }): Promise<void> {
    const { transactionId, coordinator, store } = request;
    const transaction = transactionKey(transactionId);
    const record = await stores[coordinator].decision(migration.name, transaction);
    // Records are pruned only where no store has a branch left.
    if (record === null) return;
    if (record.decision !== 'commit') {
      throw new LockstepError(
        'InvalidRequest',
        `transaction ${transactionId} is to be finished, and its record does not say that it is committed`,
        { operationId: transactionId, path: 'transactionId' },
      );
    }
    const { attempt } = record;
    const branch = { migration: migration.name, transaction, attempt, coordinator };
    await commitBranch(context, store, branch, transactionId);
  }

  /** Under a route of one store: a transaction of its own, which holds the decision too. */
  async function executeInOneStore(
    transaction: Transaction,
    route: WriteRoute,
    attempt: Attempt,
  ): Promise<TransactionResult> {
    const { primary } = route;
    for (let attemptNumber = 1; attemptNumber <= maxAttempts; attemptNumber++) {
      const changes = await primaryChanges(migration, stores[primary], transaction, new Map());
      if ('code' in changes) return await refuse(transaction, route, changes);
      const result = await stores[primary].applyTransaction(attempt, changes, fenceOf(route));
      if (result.status === 'applied') {
        return { status: 'committed', versions: result.versions, coordinator: primary, unfinished: [] };
      }
      if (result.outcome.status !== 'stale-base')
        return await notApplied(transaction, route, attempt, primary, result);
    }
    throw keptChanging(transaction);
  }

  async function executeInBothStores(
    transaction: Transaction,
    route: WriteRoute,
    secondary: StoreName,
    attempt: Attempt,
  ): Promise<TransactionResult> {
    const { primary } = route;
    const prepared = await prepareBoth(transaction, route, secondary, attempt);
    if ('status' in prepared) return prepared;
    const { versions } = prepared;
    const record = await stores[primary].decide(migration.name, attempt.transaction, {
      decision: 'commit',
      attempt: attempt.attempt,
      versions,
    });
    // Another try of the same transaction has come after this one, or recovery before it.
    if (record.decision === null) throw keptChanging(transaction);
    if (record.decision === 'abort' || record.attempt !== attempt.attempt) {
      return await finish(record, primary);
    }
    const unfinished: StoreName[] = [];
    const commit = async (store: StoreName) => {
      try {
        await commitBranch(context, store, attempt, transaction.id);
      } catch (error) {
        if (!isRetryable(error)) throw error;
        unfinished.push(store);
      }
    };
    await Promise.all([commit(primary), commit(secondary)]);
    return { status: 'committed', versions, coordinator: primary, unfinished };
  }

  /** Until here nobody else knows the attempt: what fails on the way is rolled back at once, so that its locks are free. */
  async function prepareBoth(
    transaction: Transaction,
    route: WriteRoute,
    secondary: StoreName,
    attempt: Attempt,
  ): Promise<{ readonly versions: readonly Version[] } | TransactionResult> {
    try {
      return await prepareBranches(transaction, route, secondary, attempt);
    } catch (error) {
      for (const store of [stores[route.primary], stores[secondary]]) {
        await store.rollBackBranch(attempt).catch(() => {
          log('a branch is left to recovery', { store: store.name, operationId: transaction.id });
        });
      }
      throw error;
    }
  }

  /** The primary decides about refusal and versions; the secondary takes the same images under them. */
  async function prepareBranches(
    transaction: Transaction,
    route: WriteRoute,
    secondary: StoreName,
    attempt: Attempt,
  ): Promise<{ readonly versions: readonly Version[] } | TransactionResult> {
    const { primary } = route;
    const atLeast = new Map<number, Version>();
    let conflicts = 0;
    for (let attemptNumber = 1; attemptNumber <= maxAttempts; attemptNumber++) {
      const changes = await primaryChanges(migration, stores[primary], transaction, atLeast);
      if ('code' in changes) return await refuse(transaction, route, changes);
      const atPrimary = await stores[primary].prepareBranch(attempt, changes, fenceOf(route));
      if (atPrimary.status !== 'applied') {
        if (atPrimary.outcome.status === 'stale-base') continue;
        return await notApplied(transaction, route, attempt, primary, atPrimary);
      }
      const { versions } = atPrimary;
      const atSecondary = await stores[secondary].prepareBranch(
        attempt,
        secondaryChanges(changes, versions),
        fenceOf(route),
      );
      if (atSecondary.status === 'applied') return { versions };
      await stores[primary].rollBackBranch(attempt);
      const { outcome, position } = atSecondary;
      if (outcome.status === 'superseded') {
        // The secondary is ahead of the primary, as after a compensation: the versions go above both.
        atLeast.set(position, (BigInt(outcome.version) + 1n).toString());
      } else if (mayYetBeTaken(outcome) && conflicts < maxConflicts) {
        // Often a swap in flight: the other write makes room.
        conflicts += 1;
        await wait(conflictPauseMs * conflicts);
      } else {
        return await notApplied(transaction, route, attempt, secondary, atSecondary);
      }
    }
    throw keptChanging(transaction);
  }

  async function notApplied(
    transaction: Transaction,
    route: WriteRoute,
    attempt: Attempt,
    at: StoreName,
    { position, outcome }: NotApplied,
  ): Promise<TransactionResult> {
    const operation = transaction.operations[position];
    const what = `${operation?.entity}: ${operation?.kind} in transaction ${transaction.id}`;
    switch (outcome.status) {
      case 'fenced':
        return { status: 'fenced' };
      case 'known':
        return await resultOfKnownId(transaction, route, attempt, at, outcome);
      case 'refused':
        return await refuse(transaction, route, {
          code: outcome.reason,
          reason: `${what} refused, ${refusalTexts[outcome.reason]}; nothing was written`,
        });
      case 'failed':
        return await refuse(transaction, route, {
          code: outcome.failure.code === 'LossyShape' ? 'LossyShape' : 'StoreRefused',
          reason: `${what}: the ${at} store refused: ${outcome.failure.message}; nothing was written`,
        });
      default:
        throw new TypeError(`a change of a transaction was answered with ${outcome.status}`);
    }
  }

  /** The journal knows an id that no record here does: it was closed, written as something else, or under another primary. */
  async function resultOfKnownId(
    transaction: Transaction,
    route: WriteRoute,
    { attempt, coordinator, transaction: key }: Attempt,
    at: StoreName,
    known: Outcome & { readonly status: 'known' },
  ): Promise<TransactionResult> {
    if (known.recorded === 'aborted') {
      const reason = `transaction ${transaction.id} was closed before it took effect; send it again under a new operation id`;
      return await refuse(transaction, route, { code: 'Aborted', reason });
    }
    const ids = transaction.operations.map((_, position) => operationIdAt(transaction.id, position));
    const entries = await journalOf(stores[at], migration.name, transaction);
    const versions = ids.flatMap((id) => {
      const entry = entries.find((candidate) => candidate.id === id && candidate.status === 'completed');
      return entry?.version ? [entry.version] : [];
    });
    if (versions.length === ids.length && !isOther(entries, transaction)) {
      const verdict = { decision: 'commit', attempt, versions } as const;
      return await finish(await stores[coordinator].decide(migration.name, key, verdict), coordinator);
    }
    return await refuse(transaction, route, idTaken(transaction));
  }

  /** Written down under the fence, so that a repeat is refused in the same way, at another primary too. */
  async function refuse(
    transaction: Transaction,
    route: WriteRoute,
    refusal: Refusal,
  ): Promise<TransactionResult> {
    const record = await recordAbort(transaction, route, refusal);
    return record === null ? { status: 'fenced' } : await finish(record, route.primary);
  }

  /** Null where another store has become the primary: the transaction goes on there. */
  async function recordAbort(
    { id }: Transaction,
    { primary, epoch }: WriteRoute,
    refusal: Refusal,
  ): Promise<TransactionRecord | null> {
    const verdict = { decision: 'abort', ...refusal } as const;
    try {
      return await stores[primary].decide(migration.name, transactionKey(id), verdict, { epoch });
    } catch (error) {
      if (!(error instanceof LockstepError) || error.code !== 'Fenced') throw error;
      return null;
    }
  }

  /** What the decision that stands means for the stores, and for the caller. */
  async function finish(record: TransactionRecord, coordinator: StoreName): Promise<TransactionResult> {
    const unfinished = await finishBranches(context, record, coordinator);
    if (record.decision === 'commit') {
      return { status: 'committed', versions: record.versions ?? [], coordinator, unfinished };
    }
    return {
      status: 'aborted',
      code: record.code ?? 'Aborted',
      reason: record.reason ?? 'the transaction was rolled back',
    };
  }

  function open(transaction: Transaction, attempt: Attempt) {
    const [first] = transaction.operations;
    if (!first) throw new TypeError('a transaction has at least one operation');
    const { entity, key } = first;
    const named = { operationId: transaction.id, entity, key };
    return stores[attempt.coordinator].openTransaction(named, attempt.attempt, migration.name);
  }

  function fenceOf({ epoch }: WriteRoute): Fence {
    return { migration: migration.name, epoch };
  }

  return { executeTransaction, abandonTransaction, finishTransaction };
}

const refusalTexts: Readonly<Record<StoredRefusal, string>> = {
  AlreadyExists: 'the key exists already; use replace or update',
  NotFound: 'there is no record with this key',
  VersionConflict: 'the record is not at the expected version; read it again and decide anew',
};

function mayYetBeTaken(outcome: Outcome): boolean {
  return outcome.status === 'failed' && isConflict(outcome.failure);
}

function idTaken({ id }: Transaction): Refusal {
  return {
    code: 'OperationIdTaken',
    reason: `operation id ${id} was used by another write; send the transaction under an id of its own`,
  };
}

function keptChanging({ id }: Transaction): LockstepError {
  return new LockstepError(
    'WriteConflict',
    `the records of transaction ${id} kept changing while it was prepared; it is tried again`,
    {
      operationId: id,
    },
  );
}
