import { ApplicationFailure, allHandlersFinished, condition, setHandler } from '@temporalio/workflow';
import type { TransactionResult } from '../../activities/transactions/transaction.ts';
import { failureIn } from '../../model/carried-failure.ts';
import { descriptionOf } from '../../model/inputs/messages.ts';
import { type AskedWrite, isSameWrite, type WriteRoute } from '../../model/operation.ts';
import type { CommitReceipt, TransactionInput } from '../../model/transaction.ts';
import { bounded, local, unbounded } from '../activities.ts';
import { failure, messageOf } from '../failures.ts';
import { type TransactionStatus, transactionAcknowledged, transactionStatus } from '../messages.ts';
import { Acknowledgement } from './acknowledgement.ts';
import { answerUpdate } from './answer-update.ts';
import { assertNotExpired } from './expiry.ts';
import { idTaken } from './id-taken.ts';
import { routeAfter } from './route.ts';

type Committed = TransactionResult & { readonly status: 'committed' };

/** A running transaction: where it stands, and the answer to its caller. */
export class TransactionRun {
  readonly input: TransactionInput;
  readonly acknowledgement = new Acknowledgement<CommitReceipt>();
  status: TransactionStatus = { stage: 'preparing', reason: null };

  constructor(input: TransactionInput) {
    this.input = input;
  }

  setHandlers(): void {
    setHandler(transactionStatus, () => this.status, {
      description: descriptionOf('transaction', 'status'),
    });
    answerUpdate(
      'transaction',
      transactionAcknowledged,
      () => this.acknowledgement.answered(),
      (asked?: readonly AskedWrite[]) => this.#assertAsked(asked),
    );
  }

  /** An older service does not say what it asks for. */
  #assertAsked(asked: readonly AskedWrite[] | undefined): void {
    const { id, operations } = this.input.transaction;
    const [first] = asked ?? [];
    if (!asked || !first) return;
    const isSame =
      asked.length === operations.length &&
      operations.every((operation, at) => isSameWrite(operation, asked[at] ?? first));
    if (!isSame) throw idTaken(first, id);
  }
}

/** One transaction: all of its records are written in both stores, or none is in either. */
export async function transaction(input: TransactionInput): Promise<CommitReceipt> {
  const run = new TransactionRun(input);
  run.setHandlers();
  return await carryOutTransaction(run);
}

/** The transaction whose messages are handled already. */
export async function carryOutTransaction(run: TransactionRun): Promise<CommitReceipt> {
  const { input, acknowledgement } = run;
  const { id } = input.transaction;
  if (input.ack === 'recorded') {
    acknowledgement.give({ operationId: id, versions: null, epoch: input.route.epoch });
  }
  try {
    const { committed, route } = await decide(input);
    const { versions, coordinator, unfinished } = committed;
    const receipt = { operationId: id, versions, epoch: route.epoch };
    run.status = { stage: 'finishing', reason: null };
    if (input.ack === 'primary' && !unfinished.includes(route.primary)) acknowledgement.give(receipt);
    // What is decided stays so: a store that is unavailable has its branch, and is told as soon as it is back.
    await Promise.all(
      unfinished.map((store) => unbounded.finishTransaction({ transactionId: id, coordinator, store })),
    );
    run.status = { stage: 'committed', reason: null };
    acknowledgement.give(receipt);
    await condition(allHandlersFinished);
    return receipt;
  } catch (error) {
    if (!(error instanceof ApplicationFailure)) throw error;
    run.status = { stage: 'aborted', reason: error.message };
    acknowledgement.refuse(error);
    await condition(allHandlersFinished);
    throw error;
  }
}

/** Under whatever route is open. */
async function decide(input: TransactionInput): Promise<{ committed: Committed; route: WriteRoute }> {
  const { transaction } = input;
  const [first] = transaction.operations;
  let { route } = input;
  for (;;) {
    const result = await execute(input, route);
    switch (result.status) {
      case 'committed':
        return { committed: result, route };
      case 'aborted':
        throw failure(result.code, result.reason, {
          operationId: transaction.id,
          reason: result.reason,
          ...(first ? { entity: first.entity } : {}),
        });
      case 'fenced':
        route = await routeAfter(route, { operationId: transaction.id, dualWrite: true });
    }
  }
}

/** One local try, then others for as long as the policy says; then it is decided that nothing may take effect any more. */
async function execute(input: TransactionInput, route: WriteRoute): Promise<TransactionResult> {
  const request = { transaction: input.transaction, route };
  const { id: operationId, operations } = input.transaction;
  assertNotExpired({ entity: operations[0]?.entity ?? '', operationId }, input.policy);
  try {
    return await local.executeTransaction(request);
  } catch (error) {
    const known = failureIn(error);
    if (known && !known.retryable) throw failure(known.code, known.message, known.details);
  }
  try {
    return await bounded(input.policy.primaryGiveUpMs).executeTransaction(request);
  } catch (error) {
    const reason = `transaction ${input.transaction.id} was given up, nothing was written: ${messageOf(error)}; send it again under a new operation id`;
    return await unbounded.abandonTransaction({ ...request, reason });
  }
}
