import { Context } from '@temporalio/activity';

const everyMs = 500;

/** Heartbeats while long statements run, so that a slow database is not taken for a lost worker. */
export async function withHeartbeat<T>(work: () => Promise<T>): Promise<T> {
  const context = Context.current();
  // Nobody waits for the heartbeat of a local one: its worker is the workflow's.
  if (context.info.isLocal) return await work();
  const timer = setInterval(() => context.heartbeat(), everyMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
