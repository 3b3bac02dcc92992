import { LockstepError } from '../../model/failure.ts';

/**
 * @param reason why there is no room
 * @param measured how many writes wait, or are owed
 */
export function overloaded(
  reason: string,
  measured: { readonly waiting: number } | { readonly owed: number },
): LockstepError {
  const remedy = 'wait for lockstep.whenReady(), then send it again';
  return new LockstepError('Overloaded', `${reason}; nothing was started, ${remedy}`, { remedy, measured });
}
