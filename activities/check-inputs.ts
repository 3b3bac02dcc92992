import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { LockstepError } from '../model/failure.ts';
import { faultIn, faultMessage } from '../model/inputs/input-fault.ts';
import { activityInputs } from './inputs/table.ts';

/** Around every activity of a worker, within `carryFailures`: what it is given is looked at before its code runs, and a fault is final. */
export function checkInputs(migration: string): ActivityInterceptorsFactory {
  const schemas = new Map(Object.entries(activityInputs(migration)));
  return ({ info: { activityType } }) => ({
    inbound: {
      async execute(input, next) {
        const schema = schemas.get(activityType);
        const fault = faultIn(schema ? [schema] : [], input.args);
        if (!fault) return await next(input);
        const { path } = fault;
        throw new LockstepError(
          'InvalidRequest',
          faultMessage(`the input of the activity ${activityType}`, fault),
          {
            path,
          },
        );
      },
    },
  });
}
