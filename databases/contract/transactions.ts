import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import type { AnyFailureCode } from '../../model/failure-codes.ts';
import type { TransactionDecision } from '../../model/transaction.ts';
import type { Version } from '../../model/version.ts';
import type { Fence, Outcome, WriteItem } from './write.ts';

/** One attempt of a transaction. Its branches, one in each store, bear its name; what they hold never changes. */
export interface Attempt {
  readonly migration: string;
  /** The transaction's key: see `transactionKey`. */
  readonly transaction: string;
  /** Tells the tries of a transaction apart: eight lower-case letters and digits. */
  readonly attempt: string;
  /** The store that keeps the decision. */
  readonly coordinator: StoreName;
}

/** One guarded write of a transaction. */
export interface Change {
  readonly entity: Entity;
  readonly item: WriteItem;
}

/** Either every change is in, or none, and the first that could not be says why. */
export type TransactionOutcome =
  | { readonly status: 'applied'; readonly versions: readonly Version[] }
  | { readonly status: 'not applied'; readonly position: number; readonly outcome: Outcome };

/** The part of a store that takes part in transactions over both. */
export interface Branches {
  /** Applies all changes and prepares them; they are seen by nobody until the branch is committed. */
  prepareBranch(attempt: Attempt, changes: readonly Change[], fence: Fence): Promise<TransactionOutcome>;
  /** False where there is no such branch: it has ended before, or never was prepared. */
  commitBranch(attempt: Attempt): Promise<boolean>;
  rollBackBranch(attempt: Attempt): Promise<boolean>;
  /** What is prepared here and has not ended, of this migration. */
  preparedBranches(migration: string): Promise<Attempt[]>;
  /** Where the route has one store only: applies and decides in one transaction of its own. */
  applyTransaction(attempt: Attempt, changes: readonly Change[], fence: Fence): Promise<TransactionOutcome>;
  /** Why no transaction can be prepared here, with the remedy; null where some can. */
  preparedTransactionsUnavailableReason(): Promise<string | null>;
}

/** What the coordinating store knows of a transaction. */
export interface TransactionRecord {
  /** See `transactionKey`. */
  readonly transaction: string;
  readonly operationId: string;
  /** Of the transaction's first operation, whose id closes it. */
  readonly entity: string;
  readonly key: Key;
  /** The attempt that may commit, or has. */
  readonly attempt: string;
  readonly decision: 'commit' | 'abort' | null;
  readonly versions: readonly Version[] | null;
  readonly code: AnyFailureCode | null;
  readonly reason: string | null;
  /** Since its last attempt began. */
  readonly ageMs: number;
}

/** The part of a store that coordinates: one record for each transaction, decided once. */
export interface Decisions {
  /** Makes the attempt the only one that may commit, unless the transaction is decided. */
  openTransaction(
    transaction: { operationId: string; entity: string; key: Key },
    attempt: string,
    migration: string,
  ): Promise<{ readonly record: TransactionRecord; readonly isFirst: boolean }>;
  /**
   * The first decision wins; gives the one that stands. A commit is for the attempt that is open, and for no other.
   *
   * @param primary the epoch under which this store must be the primary; throws `Fenced` where it is not any more, because the new
   *   one would not know what is decided then. Left out while a branch of the transaction is prepared, which holds the fence itself
   */
  decide(
    migration: string,
    transaction: string,
    decision: TransactionDecision,
    primary?: { epoch: number },
  ): Promise<TransactionRecord>;
  decision(migration: string, transaction: string): Promise<TransactionRecord | null>;
  /** Transactions whose last attempt began so long ago, and that are not decided. */
  undecided(migration: string, olderThanMs: number): Promise<TransactionRecord[]>;
  /** Removes a record that is not decided, of an attempt that can no longer commit here. */
  forgetUndecided(migration: string, record: TransactionRecord): Promise<void>;
}
