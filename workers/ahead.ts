import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { ConditionVariable } from '../model/condition-variable.ts';

/** So many workflows may have results waiting for them: whoever writes faster than workflows run waits with them. */
const maxRuns = 16;
/** Longer than a workflow task may take: one that has not asked by then has lost its task, and is run by whoever gets the next. */
const keptMs = 6_000;

interface Run {
  /** By activity. */
  readonly results: Map<string, Promise<unknown>>;
  readonly timer: NodeJS.Timeout;
}

/**
 * What this process has done of a workflow's first local activities before the workflow asked for them. Each result is taken
 * over once. Whoever asks again, or elsewhere, repeats the call, which finds what it did the first time.
 */
export class Ahead {
  readonly #runs = new Map<string, Run>();
  readonly #room = new ConditionVariable();

  /**
   * Opens the run of a workflow, once there is room for it; `give` follows. Gives null, or the number of those ahead of it where
   * there was none within that time.
   */
  async open(workflowId: string, timeoutMs: number): Promise<number | null> {
    const until = performance.now() + timeoutMs;
    while (this.#runs.size >= maxRuns) {
      const leftMs = until - performance.now();
      if (leftMs <= 0) return this.#runs.size;
      await this.#room.wait(leftMs);
    }
    this.leave(workflowId);
    const timer = setTimeout(() => this.leave(workflowId), keptMs);
    timer.unref();
    this.#runs.set(workflowId, { results: new Map(), timer });
    return null;
  }

  /** All that the workflow takes over; by activity. */
  give(workflowId: string, results: ReadonlyMap<string, Promise<unknown>>): void {
    // Where nobody asks for it, its failure is told to whoever began it.
    for (const result of results.values()) result.catch(() => undefined);
    const run = this.#runs.get(workflowId);
    for (const [activity, result] of results) run?.results.set(activity, result);
  }

  /** Another worker may have the workflow: nothing is kept for it. */
  leave(workflowId: string): void {
    const run = this.#runs.get(workflowId);
    if (!run) return;
    clearTimeout(run.timer);
    this.#runs.delete(workflowId);
    this.#room.notifyOne();
  }

  /** Around the activities of a worker, within `carryFailures`. */
  readonly interceptor: ActivityInterceptorsFactory = ({ info }) => ({
    inbound: {
      execute: async (input, next) => {
        const workflowId = info.workflowExecution?.workflowId;
        const begun =
          info.isLocal && info.attempt === 1 && workflowId !== undefined
            ? this.#take(workflowId, info.activityType)
            : undefined;
        return begun ? await begun : await next(input);
      },
    },
  });

  #take(workflowId: string, activity: string): Promise<unknown> | undefined {
    const run = this.#runs.get(workflowId);
    const result = run?.results.get(activity);
    if (!run || !result) return undefined;
    run.results.delete(activity);
    if (run.results.size === 0) this.leave(workflowId);
    return result;
  }
}
