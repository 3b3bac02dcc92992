import type { Ack } from './entity.ts';
import type { StoreName } from './failure.ts';
import type { AnyFailureCode } from './failure-codes.ts';
import type { Operation, WriteRoute } from './operation.ts';
import type { Policy } from './policy.ts';
import type { Version } from './version.ts';

/** How many records one transaction may name: each holds locks in both stores until all of them are in. */
export const maxTransactionSize = 500;

/** Several operations that take effect in both stores together, or not at all. The first one has the transaction's id. */
export interface Transaction {
  readonly id: string;
  readonly operations: readonly Operation[];
}

/** What a transaction's workflow is started with. */
export interface TransactionInput {
  readonly migration: string;
  readonly transaction: Transaction;
  readonly ack: Ack;
  readonly route: WriteRoute;
  readonly policy: Pick<Policy, 'primaryGiveUpMs' | 'journalRetentionMs'>;
}

/** What the caller of a transaction is told. */
export interface CommitReceipt {
  readonly operationId: string;
  /** In the order of the operations; null where only the intent is recorded (`ack: 'recorded'`). */
  readonly versions: readonly Version[] | null;
  readonly epoch: number;
}

/** What was decided about a transaction. It is written once, and never changed. */
export type TransactionDecision =
  | { readonly decision: 'commit'; readonly attempt: string; readonly versions: readonly Version[] }
  | { readonly decision: 'abort'; readonly code: AnyFailureCode; readonly reason: string };

/** Transactions that are prepared in a store and not ended yet. */
export interface InDoubt {
  readonly store: StoreName;
  readonly count: number;
  readonly oldestMs: number;
}

/** The journal's id of an operation. Ids of callers have no slash. */
export function operationIdAt(transactionId: string, position: number): string {
  return position === 0 ? transactionId : `${transactionId}/${position}`;
}
