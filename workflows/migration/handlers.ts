import type { SignalDefinition, UpdateDefinition } from '@temporalio/common';
import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import { descriptionOf, isSignalToo } from '../../model/inputs/messages.ts';
import { routes } from '../../model/phase.ts';
import { failure } from '../failures.ts';
import * as messages from '../messages.ts';
import * as actions from './actions.ts';
import { takeResult } from './bulk-results.ts';
import * as bulk from './bulk-work.ts';
import { moveDeadline } from './deadline.ts';
import { applyDefinition, assertApplicable } from './definition.ts';
import { takeOrPlan } from './planned.ts';
import { preview } from './preview.ts';
import { noteOverBudget, setShareOfReads, startRamp } from './ramp.ts';
import type { MigrationRun } from './run.ts';
import { askedBy } from './state.ts';
import { assertConditions, assertStep, assertTime, idle, resumed, stepConditions } from './steering.ts';

/** The messages that a migration takes, each with what refuses it, and what it does. What is said of it stands in `messageTable`. */

interface UpdateHandler<Args extends unknown[], Answer> {
  readonly action: (...args: Args) => Promise<Answer>;
  /** Throws why it is not accepted. */
  readonly validator?: (...args: Args) => void;
}

/** A message that is ready to be set. */
type Handler = () => void;

export function setHandlers(run: MigrationRun): void {
  setHandler(messages.migrationStatus, () => run.status(), { description: described('status') });
  for (const set of [...steering(run), ...settings(run), ...bulkWork(run), ...reports(run)]) set();
}

function steering(run: MigrationRun): Handler[] {
  const step = (
    definition: UpdateDefinition<messages.MigrationStatus, [messages.StepRequest?]>,
    name: messages.Step,
  ) =>
    update(run, definition, {
      validator: (request = {}) => assertStep(run, name, request),
      action: (request = {}) => takeOrPlan(run, name, request),
    });
  return [
    step(messages.advance, 'advance'),
    step(messages.rollback, 'rollback'),
    step(messages.decommission, 'decommission'),
    update(run, messages.undoDecommission, {
      validator: () => {
        assertConditions([idle(run), resumed(run)]);
        assertPhase(run, ['decommissioned'], 'undo', 'only what is decommissioned can be undone');
      },
      action: (asked = {}) =>
        run.exclusively('undo decommission', () => actions.undoDecommission(run, askedOf(asked))),
    }),
    update(run, messages.cancelStep, {
      validator: () => {
        // A plan that is being taken is no plan any more.
        const isPlanned = run.state.planned !== null && run.state.planned.step !== run.busy;
        if (isPlanned || run.cancellable) return;
        const why =
          run.busy === null
            ? 'nothing is planned and no change of primary is in progress'
            : `${run.busy} is past the point of return; roll it back when it is over`;
        throw failure('GateRefused', `there is nothing to cancel: ${why}`, { gate: 'cancel' });
      },
      action: (asked = {}) => cancel(run, askedOf(asked)),
    }),
    update(run, messages.preview, {
      action: (request) => preview(run, request),
    }),
    update(run, messages.pause, {
      action: (asked = {}) => bulk.pause(run, askedOf(asked)),
    }),
    update(run, messages.resume, {
      action: () => bulk.resume(run),
    }),
  ];
}

/** Waits until it is over, whatever comes of it. */
async function cancel(run: MigrationRun, asked: messages.Asked): Promise<messages.MigrationStatus> {
  const { planned } = run.state;
  if (planned !== null) {
    const lastFailure = `${planned.step}: the plan was cancelled${askedBy(asked)}`;
    run.update({ planned: null, lastFailure });
  }
  if (!run.cancellable) return run.status();
  run.abort(asked);
  await condition(() => run.busy === null);
  return run.status();
}

function askedOf({ by = null, reason = null }: Partial<messages.Asked> = {}): messages.Asked {
  return { by, reason };
}

function settings(run: MigrationRun): Handler[] {
  return [
    update(run, messages.setReadPercent, {
      validator: (percent) => {
        assertPercent(percent);
        assertConditions(stepConditions(run, 'reads', percent));
      },
      action: (percent) => run.exclusively('setReadPercent', () => setShareOfReads(run, percent)),
    }),
    update(run, messages.rampReads, {
      validator: () => {
        assertConditions(stepConditions(run, 'reads'));
      },
      action: async () => {
        startRamp(run);
        return run.status();
      },
    }),
    update(run, messages.setWritePercent, {
      validator: (percent) => {
        assertPercent(percent);
        assertConditions([idle(run), ...(percent > run.state.writePercent ? [resumed(run)] : [])]);
        assertPhase(run, ['dual-write'], 'writes', 'writes are shared only in dual-write');
      },
      action: (percent) =>
        run.exclusively('setWritePercent', () => actions.changeShare(run, 'writePercent', percent)),
    }),
    update(run, messages.setRate, {
      validator: (rate) => {
        if (rate === null || (Number.isFinite(rate) && rate > 0)) return;
        throw failure(
          'InvalidInput',
          `a rate is a number of keys per second above 0, or null for no limit; got ${rate}`,
          { path: 'rate' },
        );
      },
      action: (rate) => bulk.setRate(run, rate),
    }),
    update(run, messages.apply, {
      validator: (definition) => {
        assertConditions([idle(run)]);
        assertTime(definition.policy.deadline);
        assertApplicable(run, definition);
      },
      action: async (definition) => {
        applyDefinition(run, definition);
        return run.status();
      },
    }),
    update(run, messages.setDeadline, {
      validator: assertTime,
      action: async (deadline) => {
        moveDeadline(run, deadline);
        return run.status();
      },
    }),
  ];
}

function bulkWork(run: MigrationRun): Handler[] {
  return [
    update(run, messages.startBackfill, {
      validator: ({ anew = [] } = {}) => {
        if (anew.some((entity) => !run.input.entities.includes(entity)))
          throw failure(
            'InvalidInput',
            `what is to begin anew is no entity of ${run.input.migration}: those are ${run.input.entities.join(', ')}`,
            { path: 'anew' },
          );
        assertConditions([idle(run)]);
        const phases = ['backfill', 'validate'];
        assertPhase(run, phases, 'backfill', 'a backfill runs in the phases backfill and validate');
      },
      action: (request = {}) => run.exclusively('startBackfill', () => bulk.restartBackfill(run, request)),
    }),
    update(run, messages.startValidation, {
      validator: ({ sample }) => {
        assertConditions([idle(run)]);
        if (sample !== null && !(Number.isInteger(sample) && sample > 0)) {
          throw failure(
            'InvalidInput',
            `a sample is a whole number above 0, or null for every key; got ${sample}`,
            { path: 'sample' },
          );
        }
        assertConditions([resumed(run)]);
        if (routes[run.state.phase].secondary !== null) return;
        throw failure(
          'GateRefused',
          `there is nothing to compare in ${run.state.phase}: only one store receives writes`,
          { gate: 'validate' },
        );
      },
      action: (request) => run.exclusively('startValidation', () => bulk.startValidation(run, request)),
    }),
  ];
}

/** From the bulk workflows. */
function reports(run: MigrationRun): Handler[] {
  return [
    signal(messages.bulkWorkEnded, (work) => takeResult(run, work)),
    signal(messages.reconciliationStarted, () => bulk.holdReconciliation(run)),
    signal(messages.readsOverBudget, (found) => noteOverBudget(run, found)),
    signal(messages.repairBegan, () => run.voidEvidence('a repair changed rows')),
  ];
}

function described(name: string): string {
  return descriptionOf('migration', name);
}

/** What is a signal too goes the same way: past its validator. */
function update<Args extends unknown[], Answer = messages.MigrationStatus>(
  run: MigrationRun,
  definition: UpdateDefinition<Answer, Args>,
  // Arguments are looked at only where there is a validator.
  { action, validator = () => undefined }: UpdateHandler<NoInfer<Args>, NoInfer<Answer>>,
): Handler {
  const { name } = definition;
  const description = described(name);
  const bySignal = (...args: Args) =>
    run.bySignal(name, async () => {
      validator(...args);
      await action(...args);
    });
  return () => {
    setHandler(definition, action, { description, validator });
    if (isSignalToo('migration', name)) setHandler(defineSignal<Args>(name), bySignal, { description });
  };
}

function signal<Args extends unknown[]>(
  definition: SignalDefinition<Args>,
  action: (...args: Args) => void | Promise<void>,
): Handler {
  return () => setHandler(definition, action, { description: described(definition.name) });
}

function assertPhase(run: MigrationRun, phases: readonly string[], gate: string, why: string): void {
  if (phases.includes(run.state.phase)) return;
  throw failure('GateRefused', `${why}; the phase is ${run.state.phase}`, { gate });
}

function assertPercent(percent: number): void {
  if (Number.isInteger(percent) && percent >= 0 && percent <= 100) return;
  throw failure('InvalidInput', `a share is a whole number from 0 to 100; got ${percent}`, {
    path: 'percent',
  });
}
