import type { CopyStage } from '../../model/copy-order.ts';
import { longRunningCancellable } from '../activities.ts';
import type { BackfillRange } from './progress.ts';
import { type BackfillRun, sliceMs } from './run.ts';

/** Copies the ranges of a stage, several at a time; false where some are left for the next run. */
export async function copyRanges(run: BackfillRun, stage: CopyStage): Promise<boolean> {
  const lanes = lanesOf(run, stage);
  await Promise.all(Array.from({ length: Math.max(1, run.input.parallel) }, () => copyLanes(run, lanes)));
  const isLeft = ({ entity, done }: BackfillRange) =>
    !done && stage.entities.includes(entity) && !run.faults.has(entity);
  return !run.ranges.some(isLeft);
}

/** Ranges that are copied one after the other: each by itself, but those of an entity whose rows refer to one another. */
function lanesOf(run: BackfillRun, { entities, inOrder }: CopyStage): BackfillRange[][] {
  const left = run.ranges.filter((range) => !range.done && entities.includes(range.entity));
  return [
    ...inOrder.map((entity) => left.filter((range) => range.entity === entity)),
    ...left.filter((range) => !inOrder.includes(range.entity)).map((range) => [range]),
  ];
}

/** Takes one lane after the other. */
async function copyLanes(run: BackfillRun, lanes: BackfillRange[][]): Promise<void> {
  for (let lane = lanes.shift(); lane; lane = lanes.shift()) {
    for (const range of lane) {
      while (!range.done && !run.faults.has(range.entity)) {
        await run.unpaused();
        if (run.isOver()) return;
        await run.unlessFaulty(range.entity, () => continueRange(run, range));
      }
    }
  }
}

async function continueRange(run: BackfillRun, range: BackfillRange): Promise<void> {
  const { entity, range: number } = range;
  const attempted = await run.attempt(`${entity} ${number}`, async () => {
    const fingerprints = run.fingerprintsOf(entity);
    const keysPerSecond = run.rate === null ? null : Math.max(1, run.rate / activeRanges(run));
    return await run.interruptible(() =>
      longRunningCancellable.copyRange({ entity, range: number, fingerprints, keysPerSecond, sliceMs }),
    );
  });
  if (!attempted?.result) return;
  const { progress, throttledMs } = attempted.result;
  Object.assign(range, progress);
  run.throttledMs += throttledMs;
  run.mark();
  run.show();
}

/** Only ranges that are under way share the rate. */
function activeRanges({ input, ranges }: BackfillRun): number {
  return Math.max(1, Math.min(input.parallel, ranges.filter((range) => !range.done).length));
}
