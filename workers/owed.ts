import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker, type WorkerOptions } from '@temporalio/worker';
import { owedTaskQueue } from '../model/task-queues.ts';
import { HeldSlots } from './held-slots.ts';
import type { Reach } from './reach.ts';

/** Few: what is owed must leave connections of the stores to the writes whose callers wait. */
const owedSlots = 3;
/** As many as a worker has by default. */
const workflowSlots = 40;
const activitySlots = 100;

/**
 * A worker whose connection to Temporal hangs still has its polls there, for about a minute, and each of them swallows a task until
 * that has timed out. So there are few; one brings hundreds of tasks a second. Of workflow tasks one is for workflows in the cache.
 */
const polls = (maximum: number) => ({ type: 'simple-maximum', maximum }) as const;
const polling = { workflowTaskPollerBehavior: polls(2), activityTaskPollerBehavior: polls(3) };
const owedPolling = { activityTaskPollerBehavior: polls(2) };

/** A worker of a task queue, and beside it one of what is owed there; they begin and end together. */
export interface Workers {
  run(): Promise<void>;
  shutdown(): void;
  /** Why they do not take work right now. */
  reasons(): string[];
}

/** How activities' inputs are read; Temporal loads it by its path. */
const payloadConverterPath = fileURLToPath(
  new URL(`./payload-converter${extname(import.meta.url)}`, import.meta.url),
);

/**
 * What needs a store that is away is left to other workers: with both away no activity is taken, and with either away nothing
 * that is owed. Workflows go on, so that somebody answers operators.
 */
export async function createWorkers(given: WorkerOptions, reach: Reach): Promise<Workers> {
  const options = { ...given, dataConverter: { ...given.dataConverter, payloadConverterPath } };
  const slots = {
    main: new HeldSlots(activitySlots, () => reach.isAway('legacy') && reach.isAway('modern')),
    owed: new HeldSlots(owedSlots, () => reach.isAway('legacy') || reach.isAway('modern')),
  };
  reach.onChange(() => {
    slots.main.look();
    slots.owed.look();
  });
  const main = await Worker.create({ ...options, ...polling, tuner: tuner(slots.main) });
  const { workflowBundle: _, stickyQueueScheduleToStartTimeout: __, ...shared } = options;
  const owed = await Worker.create({
    ...shared,
    ...owedPolling,
    taskQueue: owedTaskQueue(options.taskQueue),
    tuner: tuner(slots.owed),
  });
  const both = [main, owed];
  const shutdown = () => {
    for (const worker of both) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  return {
    // Where one fails, the other has nothing to go on for.
    run: async () => {
      const ended = await Promise.allSettled(both.map((worker) => worker.run().finally(shutdown)));
      const failed = ended.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    },
    shutdown,
    reasons: () =>
      both.flatMap((worker) =>
        worker.getState() === 'RUNNING'
          ? []
          : [`the worker of ${worker.options.taskQueue} is ${worker.getState()}`],
      ),
  };
}

function tuner(activities: HeldSlots) {
  const fixed = (numSlots: number) => ({ type: 'fixed-size', numSlots }) as const;
  return {
    workflowTaskSlotSupplier: fixed(workflowSlots),
    activityTaskSlotSupplier: activities,
    localActivityTaskSlotSupplier: fixed(activitySlots),
    nexusTaskSlotSupplier: fixed(1),
  };
}
