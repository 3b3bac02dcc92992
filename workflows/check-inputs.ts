import {
  type ApplicationFailure,
  allHandlersFinished,
  condition,
  log,
  patched,
  setDefaultUpdateHandler,
  type WorkflowInterceptorsFactory,
  workflowInfo,
} from '@temporalio/workflow';
import { faultIn, faultMessage, type InputFault, type InputSchema } from '../model/inputs/input-fault.ts';
import { remedyAt } from '../model/inputs/input-version.ts';
import { messageTable } from '../model/inputs/messages.ts';
import { whyNotTaken } from '../model/inputs/not-taken.ts';
import { failure } from './failures.ts';
import { carriedIn, inputSchemas } from './inputs.ts';

/**
 * Looks at all that comes into a workflow before any code of it does: whoever reaches Temporal can start one, and send it anything. A
 * fault fails the workflow or the update, once, by its path; a signal has nobody to answer, and is dropped.
 */
export const interceptors: WorkflowInterceptorsFactory = () => {
  let signals = 0;
  let isRefused = false;
  return {
    inbound: [
      {
        async execute(input, next) {
          const { workflowType } = workflowInfo();
          const untaken = untakenIn('the input', input.args);
          const schemas: readonly InputSchema[] = Object.hasOwn(inputSchemas, workflowType)
            ? inputSchemas[workflowType as keyof typeof inputSchemas]
            : [];
          const fault =
            untaken ??
            faultIn(schemas, input.args) ??
            (isFirst() ? carriedFault(workflowType, input.args) : null);
          if (!fault) return await next(input);
          isRefused = true;
          const refusal = refused('InvalidRequest', `the input of ${workflowType}`, fault);
          await refuseUpdates(refusal);
          throw refusal;
        },
        validateUpdate(input, next) {
          const fault = faultIn(schemasOf(input.name), input.args);
          if (fault) throw refused('InvalidInput', `the message ${input.name}`, fault);
          next(input);
        },
        // Not async: one turn more would change in which order old histories go on.
        handleUpdate(input, next) {
          // It was looked at before it was accepted, by a worker that could read it.
          if (workflowInfo().unsafe.isReplaying && !isRefused)
            for (const value of input.args) leaveToOthers(whyNotTaken(value));
          return next(input);
        },
        async handleSignal(input, next) {
          signals += 1;
          const untaken = untakenIn(`signal ${signals}`, input.args);
          const fault = untaken ?? faultIn(schemasOf(input.signalName), input.args);
          if (!fault) return await next(input);
          log.warn('a signal was dropped, because it is not what it should be', {
            signal: input.signalName,
            ...fault,
          });
        },
      },
    ],
  };
};

/**
 * What is not taken depends on the keys of the worker that looks. So the history says what was decided, and every worker that takes it up later does the
 * same, with whatever keys it has.
 *
 * @param what its name in the history of this run
 */
function untakenIn(what: string, given: readonly unknown[]): InputFault | null {
  const reason = given.map(whyNotTaken).find((found) => found !== null) ?? null;
  const isAgain = workflowInfo().unsafe.isReplaying;
  const isUntaken = (isAgain || reason !== null) && patched(`lockstep: ${what} was not taken`);
  if (isUntaken) return { path: '', reason: reason ?? 'the worker that looked at it had not its key' };
  leaveToOthers(reason);
  return null;
}

/** Fails the task, which Temporal gives to another worker, too. */
function leaveToOthers(reason: string | null): void {
  if (reason !== null) throw new Error(`what another worker has taken is not read here: ${reason}`);
}

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

/** What a schedule in the start, or a policy of retries, has Temporal start again, has the input that somebody gave, as the first run has. */
function isFirst(): boolean {
  const { continuedFromExecutionRunId, cronSchedule, attempt } = workflowInfo();
  return continuedFromExecutionRunId === undefined || Boolean(cronSchedule) || attempt > 1;
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
