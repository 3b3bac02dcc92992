import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { unbounded } from '../activities.ts';
import { failure } from '../failures.ts';
import { type MigrationInput, migrationWorkflowId, searchAttributes } from '../messages.ts';
import { resumeFromStores } from './actions.ts';
import { nextReminder, remind, showDeadline } from './deadline.ts';
import { setHandlers } from './handlers.ts';
import { plannedDue, tryPlanned } from './planned.ts';
import { nextRamp, ramp } from './ramp.ts';
import { dropLegacy, renameLegacyTables } from './retirement.ts';
import { MigrationRun } from './run.ts';

/**
 * Events after which the history is begun anew. When the only worker is lost in the middle of a change, the next one reads all of
 * it first, and writes wait for that: about a millisecond for two events.
 */
const maxHistoryEvents = 1_000;

/** Leads one migration through its phases, at the word of an operator and past the gates. */
export async function migration(input: MigrationInput): Promise<void> {
  assertOwnId(input);
  const run = new MigrationRun(input);
  setHandlers(run);
  if (!input.state) await run.start(() => resumeFromStores(run));
  upsertSearchAttributes({ [searchAttributes.state]: [run.state.phase] });
  showDeadline(run);
  run.show();
  try {
    await lead(run);
  } catch (error) {
    // Whatever it waited for: a workflow that is cancelled ends when the change that it makes is made.
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => untilIdle(run));
    throw error;
  }
}

async function lead(run: MigrationRun): Promise<void> {
  while (!ended(run)) {
    await untilDue(run);
    const now = Date.now();
    if (now >= nextReminder(run)) await remind(run);
    if (now >= plannedDue(run)) await tryPlanned(run);
    if (now >= nextRamp(run)) await ramp(run);
    if (now >= dueTime(run, 'renameAt')) await run.alone('rename legacy', () => renameLegacyTables(run));
    if (now >= dueTime(run, 'dropAt')) await run.alone('drop legacy', () => dropLegacy(run));
    if (!isHistoryLong()) continue;
    await untilIdle(run);
    await continueAsNew<typeof migration>({ ...run.input, state: run.state });
  }
  await unbounded.removeSchedules();
  await condition(allHandlersFinished);
}

/** A second workflow of a migration would move the same stores. */
function assertOwnId({ migration: name }: MigrationInput): void {
  const wanted = migrationWorkflowId(name);
  if (workflowInfo().workflowId === wanted) return;
  throw failure('InvalidRequest', `the id of this workflow is not ${wanted}; start it under that id`);
}

function isHistoryLong(): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || historyLength > maxHistoryEvents;
}

function ended({ state, busy }: MigrationRun): boolean {
  return (
    state.phase === 'decommissioned' && state.dropAt === null && state.renameAt === null && busy === null
  );
}

async function untilIdle(run: MigrationRun): Promise<void> {
  await condition(() => run.busy === null && allHandlersFinished());
}

/** Waits for the next time at which something is due, or for a message that changes it. */
async function untilDue(run: MigrationRun): Promise<void> {
  const dueAt = nextDue(run);
  const changed = () => !Object.is(nextDue(run), dueAt) || ended(run) || isHistoryLong();
  if (Number.isFinite(dueAt)) await condition(changed, Math.max(1, dueAt - Date.now()));
  else await condition(changed);
}

function nextDue(run: MigrationRun): number {
  return Math.min(
    nextReminder(run),
    plannedDue(run),
    nextRamp(run),
    dueTime(run, 'renameAt'),
    dueTime(run, 'dropAt'),
  );
}

/** A pause holds what touches the legacy tables, and so does another change: one that gives them back, say. */
function dueTime({ state, busy }: MigrationRun, what: 'renameAt' | 'dropAt'): number {
  const at = state[what];
  return at === null || state.paused || busy !== null ? Number.POSITIVE_INFINITY : Date.parse(at);
}
