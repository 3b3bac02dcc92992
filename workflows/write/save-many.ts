import { allHandlersFinished, condition, upsertSearchAttributes } from '@temporalio/workflow';
import type { AcceptedSaves } from '../../activities/write/save.ts';
import type { SaveAnswer, SaveManyRequest } from '../../model/save.ts';
import { tokenOf } from '../../model/token.ts';
import type { GroupedAnswer } from '../../model/write-group.ts';
import { localThenRemote } from '../activities.ts';
import { saveManyAcknowledged, searchAttributes, writeWorkflowId } from '../messages.ts';
import { Acknowledgement } from './acknowledgement.ts';
import { answerUpdate } from './answer-update.ts';
import { carryOutGroup } from './group.ts';
import { GroupRun } from './group-run.ts';

/** Writes for programs in any language that share one workflow; each has its own answer, in their order. */
export async function saveMany(request: SaveManyRequest): Promise<readonly SaveAnswer[]> {
  const acknowledgement = new Acknowledgement<readonly SaveAnswer[]>();
  const answerCallers = () =>
    answerUpdate('saveMany', saveManyAcknowledged, () => acknowledgement.answered());
  answerCallers();
  const accepted = await localThenRemote((activities) => activities.acceptSaves(request)).catch(
    (error: unknown) => acknowledgement.failed(error),
  );
  const { migration, writes } = accepted.group;
  upsertSearchAttributes({
    [searchAttributes.migration]: [migration],
    [searchAttributes.entity]: [...new Set(writes.map(({ operation }) => operation.entity))],
  });
  const run = new GroupRun(accepted.group);
  run.setHandlers();
  // In place of the one that gives no tokens.
  answerCallers();
  const told = run.answered().then((answers) => acknowledgement.give(toItems(request, accepted, answers)));
  if (writes.length > 0) await carryOutGroup(run);
  else run.answer();
  await told;
  await condition(allHandlersFinished);
  return toItems(request, accepted, run.answers());
}

function toItems(
  { items }: SaveManyRequest,
  accepted: AcceptedSaves,
  answers: readonly GroupedAnswer[],
): readonly SaveAnswer[] {
  return items.map(({ operationId }, index): SaveAnswer => {
    const item = accepted.items[index];
    const answer = item !== undefined && 'at' in item ? answers[item.at] : item;
    if (!answer) throw new TypeError('there are fewer answers than items');
    if (answer.status === 'failed') return { ...answer, operationId };
    if (answer.status === 'apart') {
      const workflowId = writeWorkflowId(accepted.group.migration, operationId);
      return { status: 'apart', operationId, workflowId };
    }
    const { version } = answer;
    return { status: 'done', operationId, version, token: version === null ? null : tokenOf(version) };
  });
}
