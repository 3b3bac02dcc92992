import { log } from '@temporalio/workflow';
import type { MeasuredReads } from '../../activities/migration/measure-reads.ts';
import { elsewhere } from '../activities.ts';
import { messageOf } from '../failures.ts';
import type { ReadsOverBudget } from '../messages.ts';
import { changeShare } from './actions.ts';
import { bothStores } from './condition.ts';
import type { MigrationRun } from './run.ts';
import { assertConditions, resumed } from './steering.ts';

/**
 * The share of reads that modern answers: up by steps, each of which must hold for a while, and down to 0 at once where reads
 * disagree or fail.
 */

/** What keeps a step from being taken is looked at again after a tenth of a soak, within these bounds. */
const soonestMs = 1_000;
const latestMs = 60_000;

/** Goes up from the share as it is, whatever took it down before: a person has said so. */
export function startRamp(run: MigrationRun): void {
  const { readPercent } = run.state;
  // The share that is there has not been watched yet, unless it is none.
  const inMs = readPercent === 0 ? 0 : run.input.policy.readRampSoakMs;
  run.update({ ramp: { nextAt: fromNow(inMs), waits: null }, rampedDown: null });
}

/** A share that a person sets ends the ramp. */
export async function setShareOfReads(run: MigrationRun, percent: number): Promise<void> {
  run.update({ ramp: null, rampedDown: null, readsOver: null });
  await changeShare(run, 'readPercent', percent);
}

/** Of a share that has changed since, nothing follows. */
export function noteOverBudget(run: MigrationRun, found: ReadsOverBudget): void {
  const { phase, readPercent, changeNumber } = run.state;
  if (phase !== 'switch-reads' || readPercent === 0 || found.changeNumber !== changeNumber) return;
  run.update({ readsOver: { kind: found.kind, reason: found.reason } });
}

/** When the share is to change next, in milliseconds since 1970; a pause holds the way up only. */
export function nextRamp({ state, busy }: MigrationRun): number {
  if (busy !== null) return Number.POSITIVE_INFINITY;
  if (state.readsOver) return 0;
  if (!state.ramp || state.paused) return Number.POSITIVE_INFINITY;
  return Date.parse(state.ramp.nextAt);
}

export async function ramp(run: MigrationRun): Promise<void> {
  if (run.state.readsOver) await run.quietly('ramp down', () => rampDown(run));
  else await run.quietly('ramp up', () => rampUp(run));
}

async function rampDown(run: MigrationRun): Promise<void> {
  const { readsOver, readPercent: from, ramp: going } = run.state;
  // Whoever has found it tells it again, should this fail.
  run.update({ readsOver: null });
  if (!readsOver) return;
  await changeShare(run, 'readPercent', 0);
  const { readRampSoakMs } = run.input.policy;
  run.update({
    rampedDown: { at: new Date().toISOString(), from, reason: readsOver.reason },
    ramp: going ? { nextAt: fromNow(readRampSoakMs), waits: null } : null,
  });
  if (readsOver.kind === 'mismatches') run.voidEvidence(`reads were taken back: ${readsOver.reason}`);
  log.error('reads were taken back to legacy', { from, reason: readsOver.reason });
}

async function rampUp(run: MigrationRun): Promise<void> {
  const { readRampSteps, readRampSoakMs } = run.input.policy;
  const { readPercent, readsSince } = run.state;
  const againMs = Math.min(latestMs, Math.max(soonestMs, readRampSoakMs / 10));
  const next = readRampSteps.find((step) => step > readPercent);
  if (next === undefined) return run.update({ ramp: null });
  // Until it has worked: a store that is away is asked again.
  run.update({ ramp: { nextAt: fromNow(againMs), waits: 'the stores are asked' } });
  try {
    const waits = whatMisses(run, await elsewhere.measureReads({ since: readsSince, needs: bothStores }));
    if (waits !== null) return run.update({ ramp: { nextAt: fromNow(againMs), waits } });
    assertConditions([resumed(run)]);
    await changeShare(run, 'readPercent', next);
  } catch (error) {
    run.update({ ramp: { nextAt: fromNow(againMs), waits: messageOf(error) } });
    throw error;
  }
  const isLast = readRampSteps.every((step) => step <= next);
  run.update({ rampedDown: null, ramp: isLast ? null : { nextAt: fromNow(readRampSoakMs), waits: null } });
  log.info('reads were ramped up', { readPercent: next });
}

/** Why a soak has shown too little for the next step; null where it has shown enough. */
function whatMisses({ state }: MigrationRun, { counts, fault, isEnough }: MeasuredReads): string | null {
  if (fault) return fault.reason;
  if (state.rampedDown && !isEnough)
    return 'after the share went down, it takes as many shadow reads as reads.budgetReads without a fault';
  if (state.readPercent > 0 && counts.modern === 0)
    return `no read of modern was measured at ${state.readPercent} %`;
  return null;
}

function fromNow(ms: number): string {
  return new Date(Date.now() + ms).toISOString();
}
