import type { SignalDefinition, UpdateDefinition } from '@temporalio/common';
import { condition, setHandler } from '@temporalio/workflow';
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

/** The messages that a migration takes, each with what refuses it, what it does, and a description for Temporal UI. */

interface UpdateHandler<Args extends unknown[], Answer> {
  readonly description: string;
  readonly action: (...args: Args) => Promise<Answer>;
  /** Throws why it is not accepted. */
  readonly validator?: (...args: Args) => void;
}

/** A message that is ready to be set. */
type Handler = () => void;

export function setHandlers(run: MigrationRun): void {
  setHandler(messages.migrationStatus, () => run.status(), {
    description: 'Phase, route, progress and evidence',
  });
  for (const set of [...steering(run), ...settings(run), ...bulkWork(run), ...reports(run)]) set();
}

function steering(run: MigrationRun): Handler[] {
  const step = (
    definition: UpdateDefinition<messages.MigrationStatus, [messages.StepRequest?]>,
    name: messages.Step,
    description: string,
  ) =>
    update(definition, {
      description,
      validator: (request = {}) => assertStep(run, name, request),
      action: (request = {}) => takeOrPlan(run, name, request),
    });
  return [
    step(messages.advance, 'advance', 'Moves to the next phase, if its gate passes'),
    step(messages.rollback, 'rollback', 'Moves back to the previous phase; no acknowledged write is lost'),
    step(
      messages.decommission,
      'decommission',
      'Ends the migration: renames the legacy tables, which are dropped later, where the policy says so',
    ),
    update(messages.undoDecommission, {
      description: 'Gives the renamed legacy tables their names back, until they are dropped',
      validator: () => {
        assertConditions([idle(run), resumed(run)]);
        assertPhase(run, ['decommissioned'], 'undo', 'only what is decommissioned can be undone');
      },
      action: (asked = {}) =>
        run.exclusively('undo decommission', () => actions.undoDecommission(run, askedOf(asked))),
    }),
    update(messages.cancelStep, {
      description: 'Cancels a planned step, or a change of primary whose new primary has not opened yet',
      validator: () => {
        if (run.state.planned !== null || run.cancellable) return;
        const why =
          run.busy === null
            ? 'nothing is planned and no change of primary is in progress'
            : `${run.busy} is past the point of return; roll it back when it is over`;
        throw failure('GateRefused', `there is nothing to cancel: ${why}`, { gate: 'cancel' });
      },
      action: (asked = {}) => cancel(run, askedOf(asked)),
    }),
    update(messages.preview, {
      description: 'Measures the conditions of a step and tells what it would do; changes nothing',
      action: (request) => preview(run, request),
    }),
    update(messages.pause, {
      description: 'Holds bulk work, drops and changes of phase',
      action: (asked = {}) => bulk.pause(run, askedOf(asked)),
    }),
    update(messages.resume, {
      description: 'Lets bulk work, drops and changes of phase go on',
      action: () => bulk.resume(run),
    }),
    signal(messages.advanceSignal, async () => {
      if (stepConditions(run, 'advance').every(({ met }) => met))
        await run.quietly('advance', () => actions.advance(run, { ...askedOf(), force: false }));
    }),
    signal(messages.pauseSignal, async () => void (await bulk.pause(run, askedOf()))),
    signal(messages.resumeSignal, async () => void (await bulk.resume(run))),
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
    update(messages.setReadPercent, {
      description: 'Share of keys (0 to 100) whose reads go to modern, in switch-reads',
      validator: (percent) => {
        assertPercent(percent);
        assertConditions(stepConditions(run, 'reads', percent));
      },
      action: (percent) => run.exclusively('setReadPercent', () => setShareOfReads(run, percent)),
    }),
    update(messages.rampReads, {
      description: 'Lets the share of reads go up by itself, by reads.rampSteps, in switch-reads',
      validator: () => {
        assertConditions(stepConditions(run, 'reads'));
      },
      action: async () => {
        startRamp(run);
        return run.status();
      },
    }),
    update(messages.setWritePercent, {
      description: 'Share of keys (0 to 100) that flag-controlled entities write to modern, in dual-write',
      validator: (percent) => {
        assertPercent(percent);
        assertConditions([idle(run), ...(percent > run.state.writePercent ? [resumed(run)] : [])]);
        assertPhase(run, ['dual-write'], 'writes', 'writes are shared only in dual-write');
      },
      action: (percent) =>
        run.exclusively('setWritePercent', () => actions.changeShare(run, 'writePercent', percent)),
    }),
    update(messages.setRate, {
      description: 'Keys per second that a backfill copies; null for no limit',
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
    update(messages.apply, {
      description: 'Makes another configuration what the migration runs by; lockstep apply sends it',
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
    update(messages.setDeadline, {
      description: 'Moves the deadline (ISO time)',
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
    update(messages.startBackfill, {
      description: 'Restarts the backfill from its checkpoints, or else from the first key; copied rows stay',
      validator: () => {
        assertConditions([idle(run)]);
        const phases = ['backfill', 'validate'];
        assertPhase(run, phases, 'backfill', 'a backfill runs in the phases backfill and validate');
      },
      action: () => run.exclusively('startBackfill', () => bulk.restartBackfill(run)),
    }),
    update(messages.startValidation, {
      description:
        'Compares a sample ({"sample": 4000, "seed": 1}) or every key ({"sample": null, "seed": 1})',
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

function update<Args extends unknown[], Answer = messages.MigrationStatus>(
  definition: UpdateDefinition<Answer, Args>,
  { description, action, validator }: UpdateHandler<NoInfer<Args>, NoInfer<Answer>>,
): Handler {
  // Arguments are looked at only where there is a validator.
  return () => setHandler(definition, action, { description, validator: validator ?? (() => undefined) });
}

function signal<Args extends unknown[]>(
  definition: SignalDefinition<Args>,
  action: (...args: Args) => void | Promise<void>,
): Handler {
  return () => setHandler(definition, action);
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
