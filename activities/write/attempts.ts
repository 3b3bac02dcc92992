import { failureIn } from '../../model/carried-failure.ts';
import { LockstepError } from '../../model/failure.ts';
import type { AnyFailureCode } from '../../model/failure-codes.ts';
import type { ActivityContext } from '../context.ts';
import type { WriteActivities } from './write.ts';
import type { WriteResult } from './write-result.ts';

/**
 * Notes the tries of the other store that fail, in the journal of the store that decided. Where all goes well nothing is noted,
 * and no round trip is made for it.
 */
export function notingTries(context: ActivityContext, activities: WriteActivities): WriteActivities {
  const { stores, log } = context;

  const settleSecondary: WriteActivities['settleSecondary'] = async (request) => {
    const { operation, decidedBy } = request;
    const note = async ({ code, message }: { code: AnyFailureCode; message: string }) => {
      await stores[decidedBy].noteTry([operation.id], code, message);
    };
    let result: WriteResult;
    try {
      result = await activities.settleSecondary(request);
    } catch (error) {
      const failed = failureIn(error);
      if (failed && failed.details.store !== decidedBy) {
        await note(failed).catch((reason: unknown) => {
          // The try's own failure is the one to tell.
          if (!(reason instanceof LockstepError)) throw reason;
          log('a failed try could not be noted', { operationId: operation.id, reason: reason.message });
        });
      }
      throw error;
    }
    if (result.status === 'conflict' || result.status === 'refused') await note(result);
    return result;
  };

  return { ...activities, settleSecondary };
}
