import type { CirclePosition } from '../../activities/backfill/copy-circles.ts';
import type { WaitingPosition } from '../../activities/backfill/copy-waiting.ts';
import { longRunningCancellable, longRunningFailFast } from '../activities.ts';
import { type BackfillRun, sliceMs } from './run.ts';

/**
 * Rows that came before those that they refer to are read again, from the other end each time, for as long as something gets
 * in; then those that wait for one another, together. What is left then is refused, with the reason.
 *
 * @param circular entities whose records may wait for one another
 */
export async function copyWaiting(
  run: BackfillRun,
  inOrder: readonly string[],
  circular: readonly string[],
): Promise<void> {
  for (let backwards = true; ; backwards = !backwards) {
    let settled = 0;
    let cut = 0;
    let waiting = 0;
    for (const entity of inOrder) {
      const found = await copyRound(run, entity, { backwards, isLast: false });
      settled += found.settled;
      cut += found.cut;
      waiting += found.waiting;
    }
    if (waiting === 0) return;
    if (settled > 0 || cut > 0 || (await copyCircles(run, circular)) > 0) continue;
    // What waits for rows of an entity that is left out may still get them.
    if (run.faults.size > 0) return;
    // Forwards, so that the rest of a page that has grown is met behind it.
    for (const entity of inOrder) await copyRound(run, entity, { backwards: false, isLast: true });
    return;
  }
}

/** Gives how many came in: the next round meets them as there already. */
async function copyCircles(run: BackfillRun, circular: readonly string[]): Promise<number> {
  let arrived = 0;
  for (const entity of circular)
    await run.unlessFaulty(entity, () =>
      run.pages(
        entity,
        (after: CirclePosition | null) =>
          run.interruptible(() =>
            longRunningCancellable.copyCircles({ entity, keysPerSecond: run.rate, after, sliceMs }),
          ),
        (slice) => {
          arrived += slice.arrived;
          run.throttledMs += slice.throttledMs;
        },
      ),
    );
  run.arrivedTogether += arrived;
  return arrived;
}

async function copyRound(
  run: BackfillRun,
  entity: string,
  round: { readonly backwards: boolean; readonly isLast: boolean },
): Promise<{ settled: number; cut: number; waiting: number }> {
  const fingerprints = run.fingerprintsOf(entity);
  let settled = 0;
  let cut = 0;
  let waiting = 0;
  await run.unlessFaulty(entity, () =>
    run.pages(
      entity,
      (after: WaitingPosition | null) =>
        run.interruptible(() => {
          const { rate: keysPerSecond } = run;
          const request = { entity, fingerprints, ...round, keysPerSecond, after, sliceMs };
          return longRunningCancellable.copyWaiting(request);
        }),
      (slice) => {
        settled += slice.settled;
        cut += slice.cut;
        waiting += slice.waiting;
        run.throttledMs += slice.throttledMs;
        for (const range of run.ranges)
          Object.assign(
            range,
            entity === range.entity && slice.ranges.find((now) => now.range === range.range),
          );
        run.mark();
        run.show();
      },
    ),
  );
  return { settled, cut, waiting };
}

/** What was written or deleted meanwhile. */
export async function catchUp(run: BackfillRun, entity: string): Promise<void> {
  await run.pages(
    entity,
    (after: string | null) => longRunningFailFast.catchUp({ entity, after }),
    ({ changed }) => {
      run.caughtUp += changed;
    },
  );
}

/** What was refused may come in now that the rest is there. */
export async function retryRefused(run: BackfillRun, inOrder: readonly string[]): Promise<void> {
  for (let arrived = 1; arrived > 0; ) {
    arrived = 0;
    for (const entity of inOrder) {
      await run.unpaused();
      arrived += await run.untilDone(entity, () => longRunningFailFast.retryRefused({ entity }));
    }
    run.arrivedLate += arrived;
  }
}
