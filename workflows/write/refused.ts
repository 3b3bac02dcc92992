import type { WriteResult } from '../../activities/write/write-result.ts';
import type { FailureDetails } from '../../model/failure.ts';
import type { Operation, WriteRoute } from '../../model/operation.ts';
import type { GroupedAnswer } from '../../model/write-group.ts';

/** What the caller of a write is told that its primary refused. Nothing of a workflow is needed here. */
export function refusedAnswer(
  { id, entity }: Pick<Operation, 'id' | 'entity'>,
  { primary }: Pick<WriteRoute, 'primary'>,
  result: Extract<WriteResult, { status: 'refused' | 'conflict' }>,
): Extract<GroupedAnswer, { status: 'failed' }> {
  const { message } = result;
  const version = 'version' in result ? result.version : undefined;
  const details: FailureDetails = {
    entity,
    operationId: id,
    store: primary,
    reason: message,
    ...result.details,
    ...(version === undefined ? {} : { version }),
  };
  return {
    status: 'failed',
    code: result.status === 'conflict' ? 'StoreRefused' : result.code,
    message,
    details,
  };
}
