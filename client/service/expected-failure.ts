import { LockstepError } from '../../model/failure.ts';
import { unforeseen } from '../../model/unforeseen.ts';
import { isOfTemporal } from '../temporal/failures.ts';

/**
 * For work that no caller waits for, such as counting, shadow reads and looks at the stores: what a store or Temporal refuses is
 * expected there. Anything else is a fault of this program, and is shown as a warning of the process (`process.on('warning')`,
 * standard error by default).
 */
export function ignoreExpected(error: unknown): void {
  if (error instanceof LockstepError || isOfTemporal(error)) return;
  const { message, frames } = unforeseen(error);
  process.emitWarning(`work in the background failed: ${message}\n${frames}`, { type: 'LockstepFault' });
}
