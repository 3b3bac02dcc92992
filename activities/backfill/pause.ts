import { Context } from '@temporalio/activity';
import type { ActivityContext } from '../context.ts';

const heartbeatMs = 200;

/** Waits a while. False where it ended before its time, because the work is to end. */
export type Pause = (ms: number) => Promise<boolean>;

/** A pause of an activity, which heartbeats meanwhile, so that a long one is not taken for a lost worker. */
export function createPause({ wait }: Pick<ActivityContext, 'wait'>): Pause {
  return async (ms) => {
    const until = Date.now() + ms;
    for (let leftMs = ms; leftMs > 0; leftMs = until - Date.now()) {
      if (isCancelled()) return false;
      await wait(Math.min(heartbeatMs, leftMs));
      Context.current().heartbeat();
    }
    return !isCancelled();
  };
}

/** How long so many keys are to be paused after, so that no more come a second; null is unlimited. */
export function msForRate(keys: number, keysPerSecond: number | null, sinceMs: number): number {
  return keysPerSecond === null ? 0 : Math.max(0, (keys / keysPerSecond) * 1_000 - sinceMs);
}

export function isCancelled(): boolean {
  return Context.current().cancellationSignal.aborted;
}
