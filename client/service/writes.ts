import { recordIdentity } from '../../model/canonical.ts';
import { LockstepError } from '../../model/failure.ts';
import type { Migration } from '../../model/migration.ts';
import type { WriteInput, WriteReceipt } from '../../model/operation.ts';
import { withinLimit } from '../../model/time-limit.ts';
import { checkOperationId, unknownOutcome } from '../temporal/acknowledged-start.ts';
import { startGroup, type TimedWrite } from './start-group.ts';
import { plainPatterns, startWrite, type WriteStart } from './start-write.ts';
import { overloaded, type QueuedWrite, WriteQueue } from './write-queue.ts';

/** A group's input stays in Temporal's history, which takes payloads of 2 MiB. */
const groupBytes = 256 * 1024;
/** A write whose row somebody holds, or whose caller waits for a store that is down, does not hold up the others for longer. */
const slowMs = 1_000;

type GroupableWrite = TimedWrite & QueuedWrite;

/** Carries out the writes of a process: those that wait at the same moment share a workflow, a single one has its own. */
export class Writes {
  readonly #start: WriteStart;
  readonly #migration: Migration;
  readonly #queue: WriteQueue<GroupableWrite, WriteReceipt>;
  readonly #underWay = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(start: WriteStart) {
    const { migration } = start;
    this.#start = start;
    this.#migration = migration;
    const { groupSize, groupsInFlight, maxWaiting } = migration.policy;
    const limits = { groupSize, groupBytes, groupsInFlight, maxWaiting, slowMs };
    this.#queue = new WriteQueue(limits, (group) => this.#send(group));
  }

  /**
   * Waits for the acknowledgement; throws as `startAcknowledged` does, and `Overloaded` where the write did not get its turn.
   *
   * @param given default: the migration's `callerTimeoutMs`
   */
  async write(input: WriteInput, given: number | null): Promise<WriteReceipt> {
    if (this.#isClosed) {
      throw new LockstepError(
        'InvalidInput',
        `${input.operation.entity}: the connection is closed, nothing was started; connect again, or write before close()`,
        { entity: input.operation.entity, operationId: input.operation.id },
      );
    }
    const answer = this.#write(input, given);
    const over: Promise<unknown> = answer.then(
      () => this.#underWay.delete(over),
      () => this.#underWay.delete(over),
    );
    this.#underWay.add(over);
    return await answer;
  }

  /** Takes no more, and resolves when all callers are answered. */
  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  async #write(input: WriteInput, given: number | null): Promise<WriteReceipt> {
    const { policy } = this.#migration;
    const timeoutMs = given ?? policy.callerTimeoutMs;
    const isAlone =
      policy.groupSize === 1 || input.validateAfterMs !== null || !plainPatterns.includes(input.pattern);
    if (isAlone) return await startWrite(this.#start, input, timeoutMs);
    const { id, entity, key } = input.operation;
    checkOperationId(id);
    const queued = this.#queue.add({
      input,
      until: performance.now() + timeoutMs,
      record: recordIdentity(entity, key),
      kind: JSON.stringify([input.ack, input.route, input.dualWrite]),
      bytes: Buffer.byteLength(JSON.stringify(input.operation)),
    });
    return await withinLimit(queued.answer, timeoutMs, () =>
      queued.withdraw()
        ? overloaded(
            `${entity}: write ${id} had no turn within ${timeoutMs} ms, behind other writes of its record or of this process`,
            this.#queue.waiting,
          )
        : unknownOutcome('write', { entity, operationId: id }, timeoutMs, new Late(timeoutMs)),
    );
  }

  /** Resolves when at most half of the places in the queue are taken. */
  readonly whenReady = (): Promise<void> => this.#queue.whenReady();

  /** What fills the groups in flight, and the next one. */
  get concurrency(): number {
    const { groupSize, groupsInFlight } = this.#migration.policy;
    return groupSize * (groupsInFlight + 1);
  }

  #send(group: readonly GroupableWrite[]): readonly Promise<WriteReceipt>[] {
    const [first, ...others] = group;
    if (!first) return [];
    if (others.length > 0) return startGroup(this.#start, [first, ...others]);
    return [startWrite(this.#start, first.input, Math.max(0, first.until - performance.now()))];
  }
}

class Late extends Error {
  constructor(timeoutMs: number) {
    super(`no answer within ${timeoutMs} ms`);
  }
}
