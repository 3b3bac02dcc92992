import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { checkInputs } from './check-inputs.ts';
import { carryFailures } from './failures.ts';

/** Around every activity of a migration's worker, from the outermost in. */
export function activityInterceptors(migration: string): ActivityInterceptorsFactory[] {
  return [carryFailures, checkInputs(migration)];
}
