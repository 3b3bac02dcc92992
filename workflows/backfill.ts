import {
  allHandlersFinished,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  log,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { bulk, patient } from './activities.ts';
import { failureIn, messageOf } from './failures.ts';
import {
  type BackfillProgress,
  backfillFinished,
  backfillProgress,
  migrationWorkflowId,
  setPace,
  setPaused,
} from './messages.ts';

export interface BackfillInput {
  readonly migration: string;
  readonly entities: readonly string[];
  /** Ranges copied at the same time. */
  readonly parallel: number;
  readonly paused: boolean;
  /** Keys a second, all ranges together; null is unlimited. */
  readonly rate: number | null;
  /** Carried through continue-as-new. */
  readonly carried: { readonly startedAt: string; readonly planned: boolean } | null;
}

/** One range of one entity, as far as its last slice came. */
interface Range {
  readonly entity: string;
  readonly range: number;
  done: boolean;
  copied: number;
  skipped: number;
  refused: number;
}

const sliceMs = 5_000;
const slicesPerRun = 1_000;

/**
 * Copies history in key ranges, several at a time, then catches up what was written or deleted meanwhile. Every chunk is
 * committed with its checkpoint, so a crash of anything repeats none.
 */
export async function backfill(input: BackfillInput): Promise<BackfillProgress> {
  const startedAt = input.carried?.startedAt ?? new Date().toISOString();
  let { paused, rate } = input;
  let total = 0;
  let finishedAt: string | null = null;
  let stopped: string | null = null;
  const ranges: Range[] = [];
  let caughtUp = 0;
  let slices = 0;

  setHandler(setPaused, (value) => {
    paused = value;
  });
  setHandler(setPace, (value) => {
    rate = value;
  });
  setHandler(backfillProgress, progress, { description: 'Rows copied so far' });

  try {
    if (!input.carried) await patient.forgetBackfill();
    for (const entity of input.entities) {
      const plan = await bulk.planBackfill({ entity });
      total += plan.total;
      ranges.push(...plan.ranges.map((range) => ({ entity, ...range })));
    }
    const waiting = ranges.filter((range) => !range.done);
    await Promise.all(Array.from({ length: Math.max(1, input.parallel) }, () => copyNext(waiting)));
    if (waiting.length > 0 || ranges.some((range) => !range.done)) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof backfill>({ ...input, paused, rate, carried: { startedAt, planned: true } });
    }
    for (const entity of input.entities) await catchUp(entity);
    for (const entity of input.entities) await bulk.primeSequences({ entity });
    finishedAt = new Date().toISOString();
  } catch (error) {
    if (failureIn(error) === null) throw error;
    stopped = messageOf(error);
    log.warn('the backfill stopped; its checkpoints stay', { reason: stopped });
  }
  const result = progress();
  setCurrentDetails(details(result));
  await report(input.migration, result);
  await condition(allHandlersFinished);
  return result;

  /** A lane takes one range after the other. */
  async function copyNext(waiting: Range[]): Promise<void> {
    for (let range = waiting.shift(); range; range = waiting.shift()) {
      while (!range.done) {
        await condition(() => !paused);
        if (slices >= slicesPerRun) {
          waiting.unshift(range);
          return;
        }
        slices += 1;
        const keysPerSecond = rate === null ? null : Math.max(1, rate / Math.max(1, input.parallel));
        const slice = await bulk.copyRange({
          entity: range.entity,
          range: range.range,
          keysPerSecond,
          sliceMs,
        });
        Object.assign(range, slice);
        setCurrentDetails(details(progress()));
      }
    }
  }

  async function catchUp(entity: string): Promise<void> {
    let after: string | null = null;
    do {
      await condition(() => !paused);
      const page: { after: string | null; changed: number; refused: number } = await bulk.catchUp({
        entity,
        after,
      });
      caughtUp += page.changed;
      after = page.after;
    } while (after !== null);
  }

  function progress(): BackfillProgress {
    const add = (of: 'copied' | 'skipped' | 'refused') => ranges.reduce((sum, range) => sum + range[of], 0);
    return {
      running: finishedAt === null && stopped === null,
      done: finishedAt !== null,
      total,
      copied: add('copied') + caughtUp,
      skipped: add('skipped'),
      refused: add('refused'),
      startedAt,
      finishedAt,
      stopped,
    };
  }
}

async function report(migration: string, result: BackfillProgress): Promise<void> {
  if (!workflowInfo().parent) return;
  await getExternalWorkflowHandle(migrationWorkflowId(migration)).signal(backfillFinished, result);
}

function details(progress: BackfillProgress): string {
  const seen = progress.copied + progress.skipped + progress.refused;
  return `**${seen}** of about ${progress.total} keys: ${progress.copied} copied, ${progress.skipped} already there, ${progress.refused} refused`;
}
