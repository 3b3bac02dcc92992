import type { WriteInput, WriteReceipt } from '../../model/operation.ts';
import { sendStart, unknownOutcome } from '../temporal/acknowledged-start.ts';
import { groupStart } from './group-start.ts';
import { receiptOf, startWrite, type WriteStart } from './start-write.ts';

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
  const [first, ...others] = writes;
  const start = groupStart([first.input, ...others.map(({ input }) => input)]);
  const asked = sendStart(temporal, migration.taskQueue, start, timeoutMs);
  return writes.map(async ({ input, until }, index) => {
    const { id, entity } = input.operation;
    const answers = await asked.catch((error: unknown) => {
      throw unknownOutcome('write', { entity, operationId: id }, timeoutMs, error);
    });
    const answer = answers[index];
    if (answer?.status === 'apart') return await startWrite(given, input, leftMs({ until }));
    if (!answer) throw new TypeError('a group gave fewer answers than it has writes');
    return receiptOf(input, answer);
  });
}

/** How long its caller still waits, in milliseconds. */
export function leftMs({ until }: Pick<TimedWrite, 'until'>): number {
  return Math.max(0, until - performance.now());
}
