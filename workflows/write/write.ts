import { ApplicationFailure, allHandlersFinished, condition } from '@temporalio/workflow';
import type { WriteInput, WriteReceipt } from '../../model/operation.ts';
import { decide, type PrimaryDecision } from './decide.ts';
import { decideParallel, tentativeStore } from './parallel.ts';
import { readBack } from './read-back.ts';
import { replicate } from './replicate.ts';
import { WriteRun } from './run.ts';

/** One write: it lands in both stores, or it is refused in both, or it waits, visible, for an operator. */
export async function write(input: WriteInput): Promise<WriteReceipt> {
  const run = new WriteRun(input);
  run.setHandlers();
  return await carryOut(run);
}

/** The write whose messages are handled already. */
export async function carryOut(run: WriteRun): Promise<WriteReceipt> {
  const { input } = run;
  if (input.ack === 'recorded') run.acknowledgement.give(run.receipt(null, input.route));
  try {
    const alsoAt = tentativeStore(input);
    const decided = alsoAt ? await decideParallel(run, alsoAt) : await decideAtPrimary(run);
    const inBoth = await replicate(run, decided);
    run.enter('done');
    const receipt = run.receipt(decided.version, decided.route);
    run.acknowledgement.give(receipt);
    if (inBoth && input.validateAfterMs !== null) await readBack(run, input.validateAfterMs);
    await condition(allHandlersFinished);
    return receipt;
  } catch (error) {
    if (!(error instanceof ApplicationFailure)) throw error;
    run.enter('failed', { reason: error.message });
    run.acknowledgement.refuse(error);
    await condition(allHandlersFinished);
    throw error;
  }
}

async function decideAtPrimary(run: WriteRun): Promise<PrimaryDecision> {
  const decided = await decide(run.input);
  run.enter('secondary', { version: decided.version, reason: null });
  if (run.input.ack === 'primary') run.acknowledgement.give(run.receipt(decided.version, decided.route));
  return decided;
}
