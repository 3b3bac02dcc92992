import { Worker, type WorkerOptions } from '@temporalio/worker';
import { owedTaskQueue } from '../model/task-queues.ts';

/** Few: what is owed must leave connections of the stores to the writes whose callers wait. */
const owedSlots = 3;

/** A worker of a task queue, and beside it one of what is owed there; they begin and end together. */
export interface Workers {
  run(): Promise<void>;
  shutdown(): void;
  /** Why they do not take work right now. */
  reasons(): string[];
}

export async function createWorkers(options: WorkerOptions): Promise<Workers> {
  const main = await Worker.create(options);
  const { workflowBundle: _, stickyQueueScheduleToStartTimeout: __, ...shared } = options;
  const owed = await Worker.create({
    ...shared,
    taskQueue: owedTaskQueue(options.taskQueue),
    maxConcurrentActivityTaskExecutions: owedSlots,
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
