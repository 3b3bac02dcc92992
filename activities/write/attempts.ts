import { ApplicationFailure } from '@temporalio/common';
import {
  type FailureCode,
  type FailureDetails,
  isFailureCode,
  LockstepError,
  type StoreName,
} from '../../model/failure.ts';
import type { ActivityContext } from '../context.ts';
import type { WriteActivities } from './write.ts';
import type { WriteResult } from './write-result.ts';

export interface FailedTry {
  readonly failure: FailureCode;
  readonly message: string;
  readonly store: StoreName | null;
}

/**
 * Notes the tries of the other store that fail, in the journal of the store that decided. Where all goes well nothing is noted,
 * and no round trip is made for it.
 */
export function notingTries(context: ActivityContext, activities: WriteActivities): WriteActivities {
  const { stores, log } = context;

  const settleSecondary: WriteActivities['settleSecondary'] = async (request) => {
    const { operation, decidedBy } = request;
    const note = async ({ failure, message }: Pick<FailedTry, 'failure' | 'message'>) => {
      await stores[decidedBy].noteTry([operation.id], failure, message);
    };
    let result: WriteResult;
    try {
      result = await activities.settleSecondary(request);
    } catch (error) {
      const failed = triedInVain(error);
      if (failed && failed.store !== decidedBy) {
        await note(failed).catch((reason: unknown) => {
          // The try's own failure is the one to tell.
          if (!(reason instanceof LockstepError)) throw reason;
          log('a failed try could not be noted', { operationId: operation.id, reason: reason.message });
        });
      }
      throw error;
    }
    if (result.status === 'conflict') await note({ failure: 'UniqueConflict', message: result.message });
    if (result.status === 'refused') await note({ failure: result.code, message: result.message });
    return result;
  };

  return { ...activities, settleSecondary };
}

/** The failure of ours that a try ended with, and the store it was about. */
export function triedInVain(error: unknown): FailedTry | null {
  if (error instanceof LockstepError) {
    return { failure: error.code, message: error.message, store: error.details.store ?? null };
  }
  if (error instanceof ApplicationFailure && isFailureCode(error.type)) {
    const [details] = (error.details ?? []) as [FailureDetails?];
    return { failure: error.type, message: error.message, store: details?.store ?? null };
  }
  return null;
}
