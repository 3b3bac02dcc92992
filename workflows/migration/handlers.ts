import type { SignalDefinition, UpdateDefinition } from '@temporalio/common';
import { setHandler } from '@temporalio/workflow';
import { phaseAfter, phaseBefore, routes } from '../../model/phase.ts';
import { failure } from '../failures.ts';
import * as messages from '../messages.ts';
import * as actions from './actions.ts';
import * as bulk from './bulk-work.ts';
import { moveDeadline } from './deadline.ts';
import { applyDefinition, assertApplicable } from './definition.ts';
import { noteOverBudget, setShareOfReads, startRamp } from './ramp.ts';
import type { MigrationRun } from './run.ts';

/** The messages that a migration takes, each with what refuses it, what it does, and a description for Temporal UI. */

interface UpdateHandler<Args extends unknown[]> {
  readonly description: string;
  readonly action: (...args: Args) => Promise<messages.MigrationStatus>;
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
  return [
    update(messages.advance, {
      description: 'Moves to the next phase, if its gate passes',
      validator: () => {
        run.assertIdle();
        if (run.state.paused)
          throw failure('GateRefused', 'the migration is paused; resume it first', { gate: 'paused' });
        if (phaseAfter(run.state.phase) === null)
          throw failure('GateRefused', `${run.state.phase} is the last phase`, { gate: 'end' });
      },
      action: () => run.exclusively('advance', () => actions.advance(run)),
    }),
    update(messages.rollback, {
      description: 'Moves back to the previous phase; no acknowledged write is lost',
      validator: () => {
        run.assertIdle();
        assertCanRollBack(run);
      },
      action: () => run.exclusively('rollback', () => actions.rollback(run)),
    }),
    update(messages.pause, {
      description: 'Pauses bulk work, holds the drop of retired tables, and refuses to advance',
      action: () => bulk.setPaused(run, true),
    }),
    update(messages.resume, {
      description: 'Resumes bulk work and allows advancing',
      action: () => bulk.setPaused(run, false),
    }),
    signal(messages.advanceSignal, async () => {
      if (run.busy === null && !run.state.paused && phaseAfter(run.state.phase) !== null)
        await run.quietly('advance', () => actions.advance(run));
    }),
    signal(messages.pauseSignal, async () => void (await bulk.setPaused(run, true))),
    signal(messages.resumeSignal, async () => void (await bulk.setPaused(run, false))),
  ];
}

function settings(run: MigrationRun): Handler[] {
  return [
    update(messages.setReadPercent, {
      description: 'Share of keys (0 to 100) whose reads go to modern, in switch-reads',
      validator: (percent) => {
        run.assertIdle();
        assertPercent(percent);
        assertPhase(run, ['switch-reads'], 'reads', 'reads are shared only in switch-reads');
      },
      action: (percent) => run.exclusively('setReadPercent', () => setShareOfReads(run, percent)),
    }),
    update(messages.rampReads, {
      description: 'Lets the share of reads go up by itself, by reads.rampSteps, in switch-reads',
      validator: () => {
        run.assertIdle();
        assertPhase(run, ['switch-reads'], 'reads', 'reads are shared only in switch-reads');
      },
      action: async () => {
        startRamp(run);
        return run.status();
      },
    }),
    update(messages.setWritePercent, {
      description: 'Share of keys (0 to 100) that flag-controlled entities write to modern, in dual-write',
      validator: (percent) => {
        run.assertIdle();
        assertPercent(percent);
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
        );
      },
      action: (rate) => bulk.setRate(run, rate),
    }),
    update(messages.apply, {
      description: 'Makes another configuration what the migration runs by; lockstep apply sends it',
      validator: (definition) => {
        run.assertIdle();
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
        run.assertIdle();
        const phases = ['backfill', 'validate'];
        assertPhase(run, phases, 'backfill', 'a backfill runs in the phases backfill and validate');
      },
      action: () => run.exclusively('startBackfill', () => bulk.restartBackfill(run)),
    }),
    update(messages.startValidation, {
      description:
        'Compares a sample ({"sample": 4000, "seed": 1}) or every key ({"sample": null, "seed": 1})',
      validator: ({ sample }) => {
        run.assertIdle();
        if (sample !== null && !(Number.isInteger(sample) && sample > 0)) {
          throw failure(
            'InvalidInput',
            `a sample is a whole number above 0, or null for every key; got ${sample}`,
          );
        }
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
    signal(messages.backfillFinished, (backfill) => run.update({ backfill })),
    signal(messages.validationFinished, (result) => {
      run.update({ validating: false });
      if (!('failed' in result)) return run.keepEvidence(result);
      run.update({ lastFailure: `validation: ${result.failed}` });
      run.voidEvidence(`a validation did not come to its end (${result.failed})`);
    }),
    signal(messages.reconciliationFinished, (evidence) => run.keepEvidence(evidence)),
    signal(messages.readsOverBudget, (found) => noteOverBudget(run, found)),
    signal(messages.evidenceVoided, (reason) => run.voidEvidence(reason)),
  ];
}

function update<Args extends unknown[]>(
  definition: UpdateDefinition<messages.MigrationStatus, Args>,
  { description, action, validator }: UpdateHandler<Args>,
): Handler {
  return () => setHandler(definition, action, { description, ...(validator ? { validator } : {}) });
}

function signal<Args extends unknown[]>(
  definition: SignalDefinition<Args>,
  action: (...args: Args) => void | Promise<void>,
): Handler {
  return () => setHandler(definition, action);
}

function assertCanRollBack({ state: { phase } }: MigrationRun): void {
  if (phaseBefore(phase) !== null) return;
  const why =
    phase === 'legacy-only'
      ? 'it is the first phase'
      : 'legacy no longer receives writes; start a migration in the other direction instead';
  throw failure('GateRefused', `cannot roll back from ${phase}: ${why}`, { gate: 'rollback' });
}

function assertPhase(run: MigrationRun, phases: readonly string[], gate: string, why: string): void {
  if (phases.includes(run.state.phase)) return;
  throw failure('GateRefused', `${why}; the phase is ${run.state.phase}`, { gate });
}

function assertTime(time: string): void {
  if (!Number.isNaN(Date.parse(time))) return;
  throw failure('InvalidInput', `"${time}" is not an ISO time such as 2027-03-31T00:00:00Z`);
}

function assertPercent(percent: number): void {
  if (Number.isInteger(percent) && percent >= 0 && percent <= 100) return;
  throw failure('InvalidInput', `a share is a whole number from 0 to 100; got ${percent}`);
}
