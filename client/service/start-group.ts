import { randomUUID } from 'node:crypto';
import type { WriteInput, WriteReceipt } from '../../model/operation.ts';
import type { GroupedAnswer, WriteGroupInput } from '../../model/write-group.ts';
import { groupAcknowledged, writeGroupWorkflowId } from '../../workflows/messages.ts';
import { sendStart } from '../temporal/acknowledged-start.ts';
import { startAhead, type WriteStart, withoutAnswer, workerAhead } from './start-ahead.ts';
import { receiptOf, startWrite } from './start-write.ts';

/** A write that may share a workflow with others, and when its caller stops waiting (milliseconds of `performance.now`). */
export interface TimedWrite {
  readonly input: WriteInput;
  readonly until: number;
}

/**
 * Starts one workflow for writes that differ in nothing but their operations, and gives the answer to each. One that goes apart
 * is asked for under its own id.
 */
export function startGroup(
  given: WriteStart,
  writes: readonly [TimedWrite, ...TimedWrite[]],
): readonly Promise<WriteReceipt>[] {
  const { temporal, migration } = given;
  const timeoutMs = Math.max(...writes.map(leftMs));
  const start = groupStart(writes);
  let asked: Promise<readonly GroupedAnswer[]> | null = null;
  const ask = () => {
    asked ??= sendStart(temporal, migration.taskQueue, start, Math.max(...writes.map(leftMs)));
    return asked;
  };
  const worker = workerAhead(given, start.input.ack);
  const ahead =
    worker !== null
      ? startAhead(
          worker,
          given,
          start,
          (forMs) => worker.writeGroupAhead(start.workflowId, start.input, forMs),
          timeoutMs,
        )
      : null;
  return writes.map(async ({ input, until }, index) => {
    const { id, entity } = input.operation;
    const about = { entity, operationId: id };
    const answerTo = async () => (await ahead)?.[index] ?? (await ask())[index];
    const answer = await answerTo().catch((error: unknown) => {
      throw withoutAnswer(about, timeoutMs, error);
    });
    if (answer?.status === 'apart') return await startWrite(given, input, leftMs({ until }));
    if (!answer) throw new TypeError('a group gave fewer answers than it has writes');
    return receiptOf(input, answer);
  });
}

function groupStart(writes: readonly [TimedWrite, ...TimedWrite[]]) {
  const [{ input: first }] = writes;
  const { migration, ack, route, dualWrite, policy } = first;
  const input: WriteGroupInput = {
    migration,
    ack,
    route,
    dualWrite,
    policy,
    writes: writes.map(({ input: { operation, pattern } }) => ({ operation, pattern })),
  };
  const entities = [...new Set(writes.map(({ input: { operation } }) => operation.entity))];
  return {
    workflowType: 'writeGroup' as const,
    workflowId: writeGroupWorkflowId(migration, randomUUID()),
    input,
    acknowledgement: groupAcknowledged,
    recorded: writes.map((): GroupedAnswer => ({ status: 'done', version: null })),
    // It is found by its entity where it is about one.
    entities: entities.length === 1 ? entities : [],
    summary: `${writes.length} writes of ${entities.join(', ')}`.slice(0, 200),
  };
}

function leftMs({ until }: Pick<TimedWrite, 'until'>): number {
  return Math.max(0, until - performance.now());
}
