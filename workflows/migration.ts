import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ApplicationFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  log,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  startChild,
  upsertSearchAttributes,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import { type Phase, phaseAfter, phaseBefore, routes } from '../model/phase.ts';
import { patient, within } from './activities.ts';
import { backfill } from './backfill.ts';
import { justStarted } from './backfill-progress.ts';
import { failure, failureIn, messageOf } from './failures.ts';
import { gate, refuseUnreachable } from './gates.ts';
import type { MigrationInput, MigrationState } from './messages.ts';
import * as messages from './messages.ts';
import { blankState, details, takeUp } from './migration-state.ts';
import { changePhase } from './phase-change.ts';
import { validate } from './validate.ts';

const longestHistory = 50;
const dropAgainMs = 3_600_000;
const reportLimitMs = 60_000;

/** Leads one migration through its phases, at the word of an operator and past the gates. */
export async function migration(input: MigrationInput): Promise<void> {
  const { policy } = input;
  const state: MigrationState = input.state ?? blankState(input);
  let busy: string | null = input.state ? null : 'start';

  setHandler(messages.migrationStatus, status, { description: 'Phase, route, progress and evidence' });
  setHandler(messages.advance, () => exclusively('advance', advanceOnce), {
    validator: () => {
      refuseWhenBusy();
      if (state.paused)
        throw failure('GateRefused', 'the migration is paused; resume it first', { gate: 'paused' });
      if (phaseAfter(state.phase) === null)
        throw failure('GateRefused', `${state.phase} is the last phase`, { gate: 'end' });
    },
    description: 'Goes on to the next phase, if its gate lets it',
  });
  setHandler(messages.rollback, () => exclusively('rollback', rollbackOnce), {
    validator: () => {
      refuseWhenBusy();
      if (phaseBefore(state.phase) !== null) return;
      const why =
        state.phase === 'legacy-only'
          ? 'it is the first phase'
          : 'legacy no longer receives writes; start a migration in the other direction instead';
      throw failure('GateRefused', `there is no way back from ${state.phase}: ${why}`, { gate: 'rollback' });
    },
    description: 'Goes back to the phase before; no acknowledged write is lost',
  });
  setHandler(messages.pause, () => setPaused(true), {
    description: 'Holds bulk work and refuses to advance',
  });
  setHandler(messages.resume, () => setPaused(false), { description: 'Lets bulk work and advancing go on' });
  setHandler(
    messages.setReadPercent,
    (percent) => exclusively('setReadPercent', () => changeShare('readPercent', percent)),
    {
      validator: (percent) => {
        refuseWhenBusy();
        refuseBadPercent(percent);
        if (state.phase !== 'switch-reads') {
          throw failure('GateRefused', `reads are shared only in switch-reads; the phase is ${state.phase}`, {
            gate: 'reads',
          });
        }
      },
      description: 'Share of keys (0…100) that modern answers, in switch-reads',
    },
  );
  setHandler(
    messages.setWritePercent,
    (percent) => exclusively('setWritePercent', () => changeShare('writePercent', percent)),
    {
      validator: (percent) => {
        refuseWhenBusy();
        refuseBadPercent(percent);
        if (state.phase === 'dual-write') return;
        throw failure('GateRefused', `writes are shared only in dual-write; the phase is ${state.phase}`, {
          gate: 'writes',
        });
      },
      description: 'Share of keys (0…100) that flag-controlled entities write to modern, in dual-write',
    },
  );
  setHandler(messages.setRate, setRate, {
    validator: (rate) => {
      if (rate === null || (Number.isFinite(rate) && rate > 0)) return;
      throw failure(
        'InvalidRequest',
        `a rate is a number of keys a second above 0, or null for no limit; got ${rate}`,
      );
    },
    description: 'Keys a second that a backfill copies; null for no limit',
  });
  setHandler(messages.setDeadline, setDeadline, {
    validator: (deadline) => {
      if (!Number.isNaN(Date.parse(deadline))) return;
      throw failure('InvalidRequest', `"${deadline}" is not an ISO time such as 2027-03-31T00:00:00Z`);
    },
    description: 'Moves the deadline (ISO time)',
  });
  setHandler(messages.startBackfill, () => exclusively('startBackfill', restartBackfill), {
    validator: () => {
      refuseWhenBusy();
      if (['backfill', 'validate'].includes(state.phase)) return;
      throw failure(
        'GateRefused',
        `a backfill runs in the phases backfill and validate; the phase is ${state.phase}`,
        {
          gate: 'backfill',
        },
      );
    },
    description:
      'Starts the backfill again, where it stopped or else from the first key; what is there is kept',
  });
  setHandler(
    messages.startValidation,
    (request) => exclusively('startValidation', () => startValidation(request)),
    {
      validator: (request) => {
        refuseWhenBusy();
        if (request.sample !== null && !(Number.isInteger(request.sample) && request.sample > 0)) {
          throw failure(
            'InvalidRequest',
            `a sample is a whole number above 0, or null for everything; got ${request.sample}`,
          );
        }
        if (routes[state.phase].secondary !== null) return;
        throw failure(
          'GateRefused',
          `there is nothing to compare in ${state.phase}: only one store receives writes`,
          {
            gate: 'validate',
          },
        );
      },
      description:
        'Compares a sample ({"sample": 1000, "seed": 1}) or everything ({"sample": null, "seed": 1})',
    },
  );
  setHandler(messages.advanceSignal, async () => {
    if (busy === null && !state.paused && phaseAfter(state.phase) !== null)
      await quietly('advance', advanceOnce);
  });
  setHandler(messages.pauseSignal, async () => {
    await setPaused(true);
  });
  setHandler(messages.resumeSignal, async () => {
    await setPaused(false);
  });
  setHandler(messages.backfillFinished, (progress) => {
    state.backfill = progress;
    show();
  });
  setHandler(messages.validationFinished, (result) => {
    state.validating = false;
    if ('failed' in result) state.lastFailure = `validation: ${result.failed}`;
    else state.evidence = result;
    show();
  });
  setHandler(messages.reconciliationFinished, (evidence) => {
    state.evidence = evidence;
    show();
  });

  if (!input.state) {
    await takeUp(input, state);
    noteReads();
    if (state.phase === 'decommissioned') await retireLegacy();
    busy = null;
  }
  upsertSearchAttributes({ [messages.searchAttributes.state]: [state.phase] });
  show();
  while (!isOver()) {
    const wakeAt = Math.min(
      state.overdue ? Number.POSITIVE_INFINITY : Date.parse(state.deadline),
      dropTime(),
    );
    const known = `${state.deadline} ${state.dropAt} ${state.overdue}`;
    const changed = () =>
      `${state.deadline} ${state.dropAt} ${state.overdue}` !== known ||
      isOver() ||
      workflowInfo().continueAsNewSuggested;
    if (Number.isFinite(wakeAt)) await condition(changed, Math.max(1, wakeAt - Date.now()));
    else await condition(changed);
    if (!state.overdue && Date.now() >= Date.parse(state.deadline)) await becomeOverdue();
    if (Date.now() >= dropTime()) await dropLegacy();
    if (workflowInfo().continueAsNewSuggested) {
      await condition(() => busy === null && allHandlersFinished());
      await continueAsNew<typeof migration>({ ...input, state });
    }
  }
  await patient.removeSchedules();
  await condition(allHandlersFinished);

  function isOver(): boolean {
    return state.phase === 'decommissioned' && state.dropAt === null && busy === null;
  }

  function dropTime(): number {
    return state.dropAt === null ? Number.POSITIVE_INFINITY : Date.parse(state.dropAt);
  }

  function status(): messages.MigrationStatus {
    const { dropAt: _, ...shown } = state;
    const { primary, secondary } = routes[state.phase];
    return { migration: input.migration, primary, secondary, busy, ...shown };
  }

  /** One change at a time; what fails is remembered for the status. */
  async function exclusively(what: string, work: () => Promise<void>): Promise<messages.MigrationStatus> {
    refuseWhenBusy();
    busy = what;
    try {
      await work();
      state.lastFailure = null;
    } catch (error) {
      state.lastFailure = `${what}: ${messageOf(error)}`;
      const known = failureIn(error);
      throw known
        ? failure(known.code, known.message, known.details)
        : failure('InvalidRequest', messageOf(error));
    } finally {
      busy = null;
      show();
    }
    return status();
  }

  /** A signal has nobody to tell; its failure is in the status and the log. */
  async function quietly(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await exclusively(what, work);
    } catch (error) {
      if (!(error instanceof ApplicationFailure)) throw error;
      log.warn('a signal was refused', { what, reason: error.message });
    }
  }

  async function advanceOnce(): Promise<void> {
    const next = phaseAfter(state.phase);
    if (next === null) return;
    await gate(next, state, policy);
    await change(next, { mayLag: next === 'modern-only' });
    entered(next);
    // One that was under way before a rollback goes on: at its end it catches up what it has missed.
    if (next === 'backfill' && !(await startBackfill())) log.info('a backfill is under way already');
    if (next === 'validate')
      await startValidation({ sample: policy.sampleSize, seed: Math.floor(Math.random() * 2 ** 31) });
    if (next === 'decommissioned') await retireLegacy();
  }

  async function rollbackOnce(): Promise<void> {
    const previous = phaseBefore(state.phase);
    if (previous === null) return;
    await change(previous, { mayLag: true });
    entered(previous);
    // What was proved about the stores holds only while both receive every write.
    if (routes[previous].secondary === null) {
      state.backfill = null;
      state.evidence = null;
    }
  }

  function entered(phase: Phase): void {
    state.history = [...state.history, { phase, at: new Date().toISOString() }].slice(-longestHistory);
    upsertSearchAttributes({ [messages.searchAttributes.state]: [phase] });
    noteReads();
    log.info('phase entered', { phase, epoch: state.epoch });
  }

  async function change(next: Phase, { mayLag }: { mayLag: boolean }): Promise<void> {
    const { drainLimitMs } = policy;
    await changePhase(state, { migration: input.migration, next, drainLimitMs, mayLag });
  }

  async function changeShare(share: 'readPercent' | 'writePercent', percent: number): Promise<void> {
    const before = state[share];
    const lowers = percent < before;
    if (!lowers) await refuseUnreachable(share === 'readPercent' ? 'reads' : 'writes');
    state[share] = percent;
    try {
      await change(state.phase, { mayLag: lowers });
    } catch (error) {
      state[share] = before;
      throw error;
    }
    noteReads();
  }

  function noteReads(): void {
    const reads = routes[state.phase].reads;
    const modern = reads === 'modern' || (reads === 'share' && state.readPercent === 100);
    state.readsModernSince = modern ? (state.readsModernSince ?? new Date().toISOString()) : null;
  }

  async function setPaused(paused: boolean): Promise<messages.MigrationStatus> {
    state.paused = paused;
    if (state.backfill?.running) await tellBackfill((handle) => handle.signal(messages.setPaused, paused));
    show();
    return status();
  }

  async function setRate(rate: number | null): Promise<messages.MigrationStatus> {
    state.rate = rate;
    if (state.backfill?.running) await tellBackfill((handle) => handle.signal(messages.setPace, rate));
    return status();
  }

  async function setDeadline(deadline: string): Promise<messages.MigrationStatus> {
    state.deadline = new Date(deadline).toISOString();
    state.overdue = false;
    show();
    return status();
  }

  async function tellBackfill(
    tell: (handle: ReturnType<typeof getExternalWorkflowHandle>) => Promise<void>,
  ): Promise<void> {
    try {
      await tell(getExternalWorkflowHandle(messages.backfillWorkflowId(input.migration)));
    } catch (error) {
      // It ended between our look and the signal; its own report is on the way.
      log.warn('the backfill did not take a signal', { reason: messageOf(error) });
    }
  }

  async function restartBackfill(): Promise<void> {
    if (!(await startBackfill())) throw failure('InvalidRequest', 'a backfill is running already');
  }

  /** False where one runs already; it is ours then. */
  async function startBackfill(): Promise<boolean> {
    const begun = await begin(() =>
      startChild(backfill, {
        workflowId: messages.backfillWorkflowId(input.migration),
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
        parentClosePolicy: ParentClosePolicy.ABANDON,
        args: [
          {
            migration: input.migration,
            entities: input.entities,
            parallel: policy.backfillParallel,
            paused: state.paused,
            rate: state.rate,
            resume: (state.backfill?.stopped ?? null) !== null,
            carried: null,
          },
        ],
      }),
    );
    state.backfill = justStarted(new Date().toISOString());
    return begun;
  }

  async function startValidation(request: messages.ValidationRequest): Promise<void> {
    const begun = await begin(() =>
      startChild(validate, {
        workflowId: messages.validationWorkflowId(input.migration),
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
        parentClosePolicy: ParentClosePolicy.ABANDON,
        args: [{ migration: input.migration, entities: input.entities, ...request }],
      }),
    );
    state.validating = true;
    if (!begun) throw failure('InvalidRequest', 'a validation is running already');
  }

  async function retireLegacy(): Promise<void> {
    await patient.retireLegacy();
    if (policy.dropLegacyAfterMs === null) return;
    state.dropAt = new Date(Date.now() + policy.dropLegacyAfterMs).toISOString();
  }

  /** What cannot be dropped (another table may refer to it) stays, and is tried again later. */
  async function dropLegacy(): Promise<void> {
    try {
      await patient.dropLegacy();
      state.dropAt = null;
    } catch (error) {
      state.lastFailure = `drop legacy: ${messageOf(error)}`;
      state.dropAt = new Date(Date.now() + dropAgainMs).toISOString();
      log.error('the retired tables were not dropped', { reason: messageOf(error) });
    }
    show();
  }

  async function becomeOverdue(): Promise<void> {
    state.overdue = true;
    log.error('the migration is overdue', { phase: state.phase, deadline: state.deadline });
    upsertSearchAttributes({ [messages.searchAttributes.state]: ['overdue'] });
    show();
    try {
      await within(reportLimitMs).reportOverdue({ phase: state.phase, deadline: state.deadline });
    } catch (error) {
      log.error('nobody could be told that the migration is overdue', { reason: messageOf(error) });
    }
  }

  function show(): void {
    setCurrentDetails(details(status()));
  }

  function refuseWhenBusy(): void {
    if (busy !== null)
      throw failure('GateRefused', `${busy} is under way; try again when it is over`, { gate: 'busy' });
  }
}

/** False where a workflow of that id runs already. */
async function begin(start: () => Promise<unknown>): Promise<boolean> {
  try {
    await start();
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

function refuseBadPercent(percent: number): void {
  if (Number.isInteger(percent) && percent >= 0 && percent <= 100) return;
  throw failure('InvalidRequest', `a share is a whole number from 0 to 100; got ${percent}`);
}
