import { allHandlersFinished, condition } from '@temporalio/workflow';
import type { GroupTally, WriteGroupInput } from '../../model/write-group.ts';
import { decideGroup } from './decide-group.ts';
import { GroupRun } from './group-run.ts';
import { replicateGroup } from './replicate-group.ts';

/**
 * Writes that waited at the same moment: one call for all of them at each store. Whatever is more than that (a refusal by a
 * database's rules, a store that does not answer, a person's decision) is for the workflow `write`, one for each that needs it.
 */
export async function writeGroup(input: WriteGroupInput): Promise<GroupTally> {
  const run = new GroupRun(input);
  run.setHandlers();
  return await carryOutGroup(run);
}

/** The group whose messages are handled already. */
export async function carryOutGroup(run: GroupRun): Promise<GroupTally> {
  const decided = await decideGroup(run);
  if (run.input.ack !== 'both') run.answer();
  await replicateGroup(run, decided);
  run.answer();
  await run.handedOver();
  await condition(allHandlersFinished);
  return run.tally();
}
