import {
  allHandlersFinished,
  condition,
  continueAsNew,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { unbounded } from '../activities.ts';
import { type MigrationInput, searchAttributes } from '../messages.ts';
import { resumeFromStores } from './actions.ts';
import { nextReminder, remind, showDeadline } from './deadline.ts';
import { setHandlers } from './handlers.ts';
import { dropLegacy } from './retirement.ts';
import { MigrationRun } from './run.ts';

/** Leads one migration through its phases, at the word of an operator and past the gates. */
export async function migration(input: MigrationInput): Promise<void> {
  const run = new MigrationRun(input);
  setHandlers(run);
  if (!input.state) await run.start(() => resumeFromStores(run));
  upsertSearchAttributes({ [searchAttributes.state]: [run.state.phase] });
  showDeadline(run);
  run.show();
  while (!ended(run)) {
    await untilDue(run);
    const now = Date.now();
    if (now >= nextReminder(run)) await remind(run);
    if (now >= dropTime(run)) await dropLegacy(run);
    if (!workflowInfo().continueAsNewSuggested) continue;
    await condition(() => run.busy === null && allHandlersFinished());
    await continueAsNew<typeof migration>({ ...input, state: run.state });
  }
  await unbounded.removeSchedules();
  await condition(allHandlersFinished);
}

function ended({ state, busy }: MigrationRun): boolean {
  return state.phase === 'decommissioned' && state.dropAt === null && busy === null;
}

/** Waits for the next time at which something is due, or for a message that changes it. */
async function untilDue(run: MigrationRun): Promise<void> {
  const dueAt = nextDue(run);
  const changed = () => nextDue(run) !== dueAt || ended(run) || workflowInfo().continueAsNewSuggested;
  if (Number.isFinite(dueAt)) await condition(changed, Math.max(1, dueAt - Date.now()));
  else await condition(changed);
}

function nextDue(run: MigrationRun): number {
  return Math.min(nextReminder(run), dropTime(run));
}

function dropTime({ state }: MigrationRun): number {
  return state.dropAt === null ? Number.POSITIVE_INFINITY : Date.parse(state.dropAt);
}
