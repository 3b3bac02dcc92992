import { ApplicationFailure, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { AskedWrite, WriteReceipt } from '../../model/operation.ts';
import type { SaveReceipt, SaveRequest } from '../../model/save.ts';
import { tokenOf } from '../../model/token.ts';
import type { CommitReceipt } from '../../model/transaction.ts';
import { localThenRemote } from '../activities.ts';
import { failure } from '../failures.ts';
import { saveAcknowledged, searchAttributes, writeWorkflowId } from '../messages.ts';
import { Acknowledgement } from './acknowledgement.ts';
import { answerUpdate } from './answer-update.ts';
import { assertAsked } from './asked.ts';
import { WriteRun } from './run.ts';
import { carryOutTransaction, TransactionRun } from './transaction.ts';
import { carryOut } from './write.ts';

/**
 * A write for programs in any language. The worker does what a service does before it writes; from then on it is the workflow `write`,
 * under its id and with its messages, or for the pattern `transactional` a transaction of one.
 */
export async function save(request: SaveRequest): Promise<SaveReceipt> {
  const acknowledgement = new Acknowledgement<SaveReceipt>();
  const accepting = accepted(request);
  const answerCallers = () =>
    answerUpdate('save', saveAcknowledged, (asked?: AskedWrite | SaveRequest) =>
      isMeant(asked, request) ? acknowledgement.answered() : answerOther(asked),
    );
  const answerOther = async (asked: AskedWrite | SaveRequest): Promise<SaveReceipt> => {
    const run = await accepting.catch(() => null);
    await assertAsked(asked, request.operationId, run && operationOf(run));
    return await acknowledgement.answered();
  };
  answerCallers();
  const run = await accepting.catch((error: unknown) => acknowledgement.failed(error));
  run.setHandlers();
  // In place of the one that gives no token.
  answerCallers();
  const told = passOn(run, acknowledgement);
  const receipt = run instanceof WriteRun ? await carryOut(run) : await carryOutTransaction(run);
  await told;
  return savedAs(receipt);
}

/** Whoever sends a save again sends the same. */
function isMeant(
  asked: AskedWrite | SaveRequest | undefined,
  request: SaveRequest,
): asked is SaveRequest | undefined {
  return asked === undefined || JSON.stringify(asked) === JSON.stringify(request);
}

function operationOf({ input }: WriteRun | TransactionRun): AskedWrite | null {
  return 'operation' in input ? input.operation : (input.transaction.operations[0] ?? null);
}

async function accepted(request: SaveRequest): Promise<WriteRun | TransactionRun> {
  const { entity, operationId } = request;
  const found = await localThenRemote((activities) => activities.acceptSave(request));
  const { migration } = 'write' in found ? found.write : found.transaction;
  const wanted = writeWorkflowId(migration, operationId);
  // Under another id nobody would find it, and two of one operation could run at once.
  if (workflowInfo().workflowId !== wanted)
    throw failure('InvalidRequest', `the id of this workflow is not ${wanted}; start it under that id`, {
      entity,
      operationId,
    });
  upsertSearchAttributes({
    [searchAttributes.migration]: [migration],
    [searchAttributes.entity]: [entity],
  });
  return 'write' in found ? new WriteRun(found.write) : new TransactionRun(found.transaction);
}

async function passOn(
  { acknowledgement: from }: WriteRun | TransactionRun,
  to: Acknowledgement<SaveReceipt>,
): Promise<void> {
  try {
    to.give(savedAs(await from.answered()));
  } catch (error) {
    if (!(error instanceof ApplicationFailure)) throw error;
    to.refuse(error);
  }
}

function savedAs(receipt: WriteReceipt | CommitReceipt): SaveReceipt {
  const { operationId, epoch } = receipt;
  const version = 'version' in receipt ? receipt.version : (receipt.versions?.[0] ?? null);
  return { operationId, version, token: version === null ? null : tokenOf(version), epoch };
}
