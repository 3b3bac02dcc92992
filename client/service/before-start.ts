import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { unknownOutcome } from '../temporal/acknowledged-start.ts';

interface About {
  readonly entity: string;
  readonly operationId: string;
  /** Whether the caller has named the id, so that an earlier try may have had it. */
  readonly isNamed: boolean;
}

/**
 * Asks the stores about a write before anything of it is started. Where they do not answer, nothing was written by this try; what has
 * become of an earlier one under the same id nobody can say.
 */
export async function askBefore<T>(
  what: 'write' | 'transaction',
  { isNamed, ...about }: About,
  ask: () => T | Promise<T>,
): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (isNamed && isLockstepError(error, 'StoreUnavailable')) throw unknownOutcome(what, about, 0, error);
    throw error;
  }
}
