import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { LockstepError } from '../model/failure.ts';
import { faultIn, faultMessage, type InputFault } from '../model/inputs/input-fault.ts';
import { migrationWorkflowId } from '../model/workflow-ids.ts';
import type { Activities } from './index.ts';
import { activityInputs } from './inputs/table.ts';

/** They change the route, or what only its last phase may touch. Whoever reaches Temporal can schedule an activity, at any time. */
const ofMigrationAlone: ReadonlySet<string> = new Set<keyof Activities>([
  'writeState',
  'renameLegacyTables',
  'restoreLegacyTables',
  'dropLegacy',
  'removeSchedules',
]);

/**
 * Around every activity of a worker, within `carryFailures`: what it is given is looked at before its code runs, and a fault is final. What it is
 * given beside is left out: of some activities it is how a call in their own process waits.
 */
export function checkInputs(migration: string): ActivityInterceptorsFactory {
  const schemas = new Map(Object.entries(activityInputs(migration)));
  const ownId = migrationWorkflowId(migration);
  return ({ info: { activityType, workflowExecution, workflowType } }) => ({
    inbound: {
      async execute(input, next) {
        const schema = schemas.get(activityType);
        const own = schema ? [schema] : [];
        const fault = faultIn(own, input.args);
        if (fault) throw refused(faultMessage(`the input of the activity ${activityType}`, fault), fault);
        const isOwn = workflowType === 'migration' && workflowExecution?.workflowId === ownId;
        if (isOwn || !ofMigrationAlone.has(activityType))
          return await next({ ...input, args: input.args.slice(0, own.length) });
        throw refused(
          `the activity ${activityType} is for the workflow ${ownId} alone; send that one what it should do`,
        );
      },
    },
  });
}

function refused(message: string, about?: InputFault): LockstepError {
  return new LockstepError('InvalidRequest', message, about ? { path: about.path } : {});
}
