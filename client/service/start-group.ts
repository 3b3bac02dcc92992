import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { LockstepError } from '../../model/failure.ts';
import type { Migration } from '../../model/migration.ts';
import type { WriteInput, WriteReceipt } from '../../model/operation.ts';
import type { GroupedAnswer, WriteGroupInput } from '../../model/write-group.ts';
import { groupAcknowledged, writeGroupWorkflowId } from '../../workflows/messages.ts';
import { sendStart, unknownOutcome } from '../temporal/acknowledged-start.ts';
import { startWrite } from './start-write.ts';

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
  temporal: Client,
  migration: Migration,
  writes: readonly [TimedWrite, ...TimedWrite[]],
): readonly Promise<WriteReceipt>[] {
  const timeoutMs = Math.max(...writes.map(leftMs));
  const answers = askGroup(temporal, migration, writes, timeoutMs);
  return writes.map(async ({ input, until }, index) => {
    const { id, entity } = input.operation;
    const about = { entity, operationId: id };
    const all = await answers.catch((error: unknown) => {
      throw unknownOutcome('write', about, timeoutMs, error);
    });
    const answer = all[index];
    switch (answer?.status) {
      case 'done':
        return { operationId: id, version: answer.version, epoch: input.route.epoch };
      case 'failed':
        throw new LockstepError(answer.code, answer.message, answer.details);
      case 'apart':
        return await startWrite(temporal, migration, input, leftMs({ until }));
      default:
        throw new TypeError('a group gave fewer answers than it has writes');
    }
  });
}

async function askGroup(
  temporal: Client,
  { taskQueue }: Migration,
  writes: readonly [TimedWrite, ...TimedWrite[]],
  timeoutMs: number,
): Promise<readonly GroupedAnswer[]> {
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
  return await sendStart(
    temporal,
    taskQueue,
    {
      workflowType: 'writeGroup',
      workflowId: writeGroupWorkflowId(migration, randomUUID()),
      input,
      acknowledgement: groupAcknowledged,
      recorded: writes.map((): GroupedAnswer => ({ status: 'done', version: null })),
      // It is found by its entity where it is about one.
      entities: entities.length === 1 ? entities : [],
      summary: `${writes.length} writes of ${entities.join(', ')}`.slice(0, 200),
    },
    timeoutMs,
  );
}

function leftMs({ until }: Pick<TimedWrite, 'until'>): number {
  return Math.max(0, until - performance.now());
}
