import type { Client } from '@temporalio/client';
import type { Ack } from '../../model/entity.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { Migration } from '../../model/migration.ts';
import { type About, type Start, sendEagerStart, unknownOutcome } from '../temporal/acknowledged-start.ts';
import type { AheadAnswers, EmbeddedWorker } from './embedded-worker.ts';
import { overloaded } from './overloaded.ts';

/** With what writes are started. */
export interface WriteStart {
  readonly temporal: Client;
  readonly migration: Migration;
  /** Null where the workers are elsewhere. */
  readonly embedded: EmbeddedWorker | null;
}

/** The worker that makes the first calls of a workflow, whose caller waits for the primary alone; null where none is here. */
export function workerAhead({ embedded }: WriteStart, ack: Ack): EmbeddedWorker | null {
  return embedded?.isRunning() && ack === 'primary' ? embedded : null;
}

/**
 * Starts a workflow, and makes its first store calls meanwhile. Another store is owed the writes, so what this process has seen of
 * them is an answer once their workflow is durable too: whatever a crash leaves has an owner.
 *
 * @param begin makes the calls; it gets the time that is left, in milliseconds
 * @throws LockstepError `Overloaded` where workflows run too slowly for it to begin in time
 * @throws what Temporal's client does
 */
export async function startAhead(
  embedded: EmbeddedWorker,
  { temporal, migration }: WriteStart,
  start: Start<unknown>,
  begin: (timeoutMs: number) => Promise<AheadAnswers>,
  timeoutMs: number,
): Promise<AheadAnswers> {
  const { workflowId } = start;
  const until = performance.now() + timeoutMs;
  const ahead = await embedded.open(workflowId, timeoutMs);
  if (ahead !== null) {
    throw overloaded(
      `${ahead} workflows of this process have not run yet, none of them within ${Math.round(timeoutMs)} ms`,
      { waiting: ahead },
    );
  }
  const leftMs = Math.max(0, until - performance.now());
  const started = sendEagerStart(temporal, migration.taskQueue, start, leftMs);
  embedded.begun(workflowId, started);
  const known = await begin(leftMs);
  await started;
  return known;
}

/** What the caller of a write is told where its workflow did not answer: that nobody knows, unless nothing was begun. */
export function withoutAnswer(about: About, timeoutMs: number, error: unknown): Error {
  return isLockstepError(error, 'Overloaded') ? error : unknownOutcome('write', about, timeoutMs, error);
}
