import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import type { TransactionDecision } from '../../model/transaction.ts';
import type { Version } from '../../model/version.ts';
import type { BoundEntity } from '../columns/bound.ts';
import type { Attempt, Branches, Change, TransactionOutcome } from '../contract/transactions.ts';
import type { Fence, Outcome, StoreFailure } from '../contract/write.ts';
import { attemptIn, type BranchName, branchName } from '../engine/branch-name.ts';
import type { RecordName } from '../engine/list-engine.ts';
import { RollBack, type Session } from '../engine/session.ts';
import type { StoreContext } from '../sql/context.ts';
import { throughDeadlocks } from '../sql/deadlocks.ts';
import type { GuardedWrites } from '../sql/guarded-write.ts';
import { locksOf, type ReadyItem } from '../sql/write-request.ts';
import { decideWithin } from './decisions.ts';

/** The changes of one entity, as its write routine takes them. */
interface ReadyList {
  readonly bound: BoundEntity;
  readonly ready: readonly ReadyItem[];
  /** Where each of them stands in the transaction. */
  readonly positions: readonly number[];
}

/** The server refused a list. What it means is looked up once the connection is free. */
interface Refused {
  readonly status: 'server refused';
  readonly position: number;
  readonly entity: Entity;
  readonly error: unknown;
}

type Tried = TransactionOutcome | Refused;

/** Ends the local transaction that runs around it. */
class NotApplied extends RollBack {
  readonly tried: Tried;

  constructor(tried: Tried) {
    super('a change of the transaction was not applied');
    this.tried = tried;
  }
}

export function createBranches(context: StoreContext, writes: GuardedWrites): Branches {
  const { branches } = context.engine;

  function prepareBranch(
    attempt: Attempt,
    changes: readonly Change[],
    fence: Fence,
  ): Promise<TransactionOutcome> {
    return applyOutcome(changes, (lists) =>
      branches.prepare(nameOf(attempt), async (session) => {
        const result = await applyAll(session, lists, changes.length, fence);
        return { keep: result.status === 'applied', result };
      }),
    );
  }

  function applyTransaction(
    attempt: Attempt,
    changes: readonly Change[],
    fence: Fence,
  ): Promise<TransactionOutcome> {
    return applyOutcome(changes, (lists) =>
      context.engine.transaction(async (session) => {
        const result = await applyAll(session, lists, changes.length, fence);
        if (result.status !== 'applied') throw new NotApplied(result);
        const decision: TransactionDecision = {
          decision: 'commit',
          attempt: attempt.attempt,
          versions: result.versions,
        };
        if (await decideWithin(context, session, attempt.migration, attempt.transaction, decision))
          return result;
        throw new LockstepError(
          'WriteConflict',
          `attempt ${attempt.attempt} of transaction ${attempt.transaction} is not the one that may commit; it is tried again`,
        );
      }),
    );
  }

  /** Deadlocks are tried again; a database's own refusal is an outcome, and the whole transaction is gone with it. */
  async function applyOutcome(
    changes: readonly Change[],
    run: (lists: readonly ReadyList[]) => Promise<Tried>,
  ): Promise<TransactionOutcome> {
    const lists = await listsOf(changes);
    if ('status' in lists) return lists;
    try {
      return await concluded(await throughDeadlocks(context.engine, () => run(lists)));
    } catch (error) {
      if (error instanceof NotApplied) return await concluded(error.tried);
      return failed(
        0,
        await context.refusalOf(
          error,
          lists.map(({ bound }) => bound.entity),
        ),
      );
    }
  }

  async function concluded(tried: Tried): Promise<TransactionOutcome> {
    if (tried.status !== 'server refused') return tried;
    return failed(tried.position, await context.refusalOf(tried.error, [tried.entity]));
  }

  async function listsOf(changes: readonly Change[]): Promise<ReadyList[] | TransactionOutcome> {
    const lists: ReadyList[] = [];
    for (const entity of new Set(changes.map((change) => change.entity))) {
      const positions = [...changes.keys()].filter((at) => changes[at]?.entity === entity);
      const items = positions.flatMap((at) => changes[at]?.item ?? []);
      const bound = await context.bind(entity);
      const { ready, failed: notLoadable } = await writes.sound(bound, items);
      const [first] = notLoadable;
      if (first) return { status: 'not applied', position: positions[first[0]] ?? 0, outcome: first[1] };
      lists.push({ bound, ready, positions });
    }
    return lists;
  }

  /** All locks come first, in one order over all entities; then one call of each entity's write routine. */
  async function applyAll(
    session: Session,
    lists: readonly ReadyList[],
    count: number,
    fence: Fence,
  ): Promise<Tried> {
    const locks = locksOf(lists);
    const versions: Version[] = Array.from({ length: count }, () => '0');
    for (const { bound, ready, positions } of lists) {
      const outcomes = await applyList(session, bound, ready, fence, locks);
      if ('error' in outcomes) {
        const { error } = outcomes;
        return { status: 'server refused', position: positions[0] ?? 0, entity: bound.entity, error };
      }
      for (const [index, position] of positions.entries()) {
        const outcome = outcomes.get(index);
        if (!outcome) throw new TypeError('the write routine gave no outcome for an item');
        if (outcome.status !== 'applied') return { status: 'not applied', position, outcome };
        versions[position] = outcome.version;
      }
    }
    return { status: 'applied', versions };
  }

  async function applyList(
    session: Session,
    bound: BoundEntity,
    ready: readonly ReadyItem[],
    fence: Fence,
    locks: readonly RecordName[],
  ): Promise<Map<number, Outcome> | { readonly error: unknown }> {
    try {
      return await writes.call(session, bound, ready, fence, locks);
    } catch (error) {
      if (context.engine.isDeadlock(error) || context.failureOf(error).code === 'StoreUnavailable')
        throw error;
      return { error };
    }
  }

  async function end(attempt: Attempt, how: 'commit' | 'roll back'): Promise<boolean> {
    const ended = await context.translateErrors(() => branches.end(nameOf(attempt), how));
    if (ended === 'ended' || ended === 'absent') return ended === 'ended';
    const why =
      ended === 'held'
        ? 'the connection that prepared it is still open; it is tried again'
        : 'the server has lost it, and keeps its locks; restart the server: it is listed again then, and ended as was decided';
    throw new LockstepError(
      'StoreUnavailable',
      `the ${context.name} store cannot ${how} the prepared transaction ${attempt.transaction}: ${why}`,
      { store: context.name, reason: why },
    );
  }

  async function preparedBranches(migration: string): Promise<Attempt[]> {
    const listed = await context.translateErrors(() => branches.list());
    return listed.flatMap((text) => {
      const attempt = attemptIn(text, context.name, context.engine.database);
      return attempt?.migration === migration ? [attempt] : [];
    });
  }

  function preparedTransactionsUnavailableReason(): Promise<string | null> {
    return context.translateErrors(() => branches.unavailableReason());
  }

  function nameOf(attempt: Attempt): BranchName {
    return branchName(attempt, context.name, context.engine.database);
  }

  return {
    prepareBranch,
    commitBranch: (attempt) => end(attempt, 'commit'),
    rollBackBranch: (attempt) => end(attempt, 'roll back'),
    preparedBranches,
    applyTransaction,
    preparedTransactionsUnavailableReason,
  };
}

function failed(position: number, failure: StoreFailure): TransactionOutcome {
  return { status: 'not applied', position, outcome: { status: 'failed', failure } };
}
