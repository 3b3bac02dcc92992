import {
  type ApplicationFailure,
  allHandlersFinished,
  condition,
  log,
  setDefaultUpdateHandler,
  type WorkflowInterceptorsFactory,
  workflowInfo,
} from '@temporalio/workflow';
import { faultIn, faultMessage, type InputFault, type InputSchema } from '../model/inputs/input-fault.ts';
import { remedyAt } from '../model/inputs/input-version.ts';
import { messageTable } from '../model/inputs/messages.ts';
import { failure } from './failures.ts';
import { carriedIn, inputSchemas } from './inputs.ts';

/**
 * Looks at all that comes into a workflow before any code of it does: whoever reaches Temporal can start one, and send it anything. A
 * fault fails the workflow or the update, once, by its path; a signal has nobody to answer, and is dropped.
 */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  inbound: [
    {
      async execute(input, next) {
        const { workflowType, continuedFromExecutionRunId } = workflowInfo();
        const schemas: readonly InputSchema[] = Object.hasOwn(inputSchemas, workflowType)
          ? inputSchemas[workflowType as keyof typeof inputSchemas]
          : [];
        const fault =
          faultIn(schemas, input.args) ??
          (continuedFromExecutionRunId === undefined ? carriedFault(workflowType, input.args) : null);
        if (!fault) return await next(input);
        const refusal = refused('InvalidRequest', `the input of ${workflowType}`, fault);
        await refuseUpdates(refusal);
        throw refusal;
      },
      validateUpdate(input, next) {
        const fault = faultIn(schemasOf(input.name), input.args);
        if (fault) throw refused('InvalidInput', `the message ${input.name}`, fault);
        next(input);
      },
      async handleSignal(input, next) {
        const fault = faultIn(schemasOf(input.signalName), input.args);
        if (!fault) return await next(input);
        log.warn('a signal was dropped, because it is not what it should be', {
          signal: input.signalName,
          ...fault,
        });
      },
    },
  ],
});

/** Who starts a workflow with an update hears of that alone: without a handler, that it has none. */
async function refuseUpdates(refusal: ApplicationFailure): Promise<void> {
  setDefaultUpdateHandler(() => {
    throw refusal;
  });
  await condition(allHandlersFinished);
}

function schemasOf(message: string): readonly InputSchema[] {
  const { workflowType } = workflowInfo();
  const ofType = Object.hasOwn(messageTable, workflowType) ? messageTable[workflowType] : undefined;
  return (ofType && Object.hasOwn(ofType, message) ? ofType[message]?.takes : undefined) ?? [];
}

function carriedFault(workflowType: string, [first]: readonly unknown[]): InputFault | null {
  const path = Object.hasOwn(carriedIn, workflowType) ? carriedIn[workflowType] : undefined;
  if (path === undefined || first === null || typeof first !== 'object') return null;
  const value: unknown = Object.getOwnPropertyDescriptor(first, path)?.value;
  if (value === null) return null;
  return { path, reason: 'is for a run that follows another; the first has null' };
}

function refused(code: 'InvalidRequest' | 'InvalidInput', what: string, fault: InputFault) {
  const remedy = remedyAt(fault.path);
  const message = faultMessage(what, fault);
  return failure(code, remedy === undefined ? message : `${message}; ${remedy}`, {
    path: fault.path,
    ...(remedy === undefined ? {} : { remedy }),
  });
}
