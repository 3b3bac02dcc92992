import { recordIdentity } from '../../model/canonical.ts';
import { type Entry, plainPatterns } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { Migration } from '../../model/migration.ts';
import type { WriteInput, WriteReceipt } from '../../model/operation.ts';
import { withinLimit } from '../../model/time-limit.ts';
import { checkOperationId, sendEagerStart, unknownOutcome } from '../temporal/acknowledged-start.ts';
import type { EmbeddedWorker } from './embedded-worker.ts';
import { ignoreExpected } from './expected-failure.ts';
import type { JournalEntry } from './journal-entry.ts';
import { overloaded } from './overloaded.ts';
import type { OwedBound } from './owed-bound.ts';
import { StartBehind } from './start-behind.ts';
import { leftMs, startGroup, type TimedWrite } from './start-group.ts';
import { startWrite, type WriteStart } from './start-write.ts';
import { type Behind, writeFirst } from './write-first.ts';
import { type QueuedWrite, WriteQueue } from './write-queue.ts';

/** A group's input stays in Temporal's history, which takes payloads of 2 MiB. */
const groupBytes = 256 * 1024;
/** A write whose row somebody holds, or whose caller waits for a store that is down, does not hold up the others for longer. */
const slowMs = 1_000;

class GroupableWrite implements TimedWrite, QueuedWrite {
  readonly input: WriteInput;
  readonly until: number;
  readonly record: string;
  readonly kind: string;
  #bytes: number | null = null;

  constructor({ input, until }: TimedWrite, kind: string) {
    this.input = input;
    this.until = until;
    this.record = recordIdentity(input.operation.entity, input.operation.key);
    this.kind = kind;
  }

  get bytes(): number {
    this.#bytes ??= Buffer.byteLength(JSON.stringify(this.input.operation));
    return this.#bytes;
  }
}

interface WritesParts extends WriteStart {
  /** Null where the workers are elsewhere. */
  readonly embedded: EmbeddedWorker | null;
  readonly journal: JournalEntry;
  readonly owed: OwedBound;
}

/**
 * Carries out the writes of a process, those that wait at the same moment together: in one workflow, or in one transaction where they
 * enter by the journal.
 */
export class Writes {
  readonly #start: WriteStart;
  readonly #embedded: EmbeddedWorker | null;
  readonly #migration: Migration;
  readonly #owed: OwedBound;
  /** Each has places of its own: what waits for Temporal holds nothing up that does not. */
  readonly #queues: Readonly<Record<Entry, WriteQueue<GroupableWrite, WriteReceipt>>>;
  /** Writes that have no answer yet, and that this process answers itself. */
  readonly #underWay = new Set<Promise<unknown>>();
  /** From the first write that needs it. */
  #starts: StartBehind | null = null;
  #isClosed = false;

  constructor({ journal, owed, embedded, ...start }: WritesParts) {
    const { migration } = start;
    this.#start = start;
    this.#embedded = embedded;
    this.#migration = migration;
    this.#owed = owed;
    const { groupSize, groupsInFlight, maxWaiting } = migration.policy;
    const limits = { groupSize, groupBytes, groupsInFlight, maxWaiting, slowMs };
    this.#queues = {
      workflow: new WriteQueue(limits, (group) => this.#send(group)),
      journal: new WriteQueue(limits, (group) => journal.enter(group)),
    };
  }

  /**
   * Waits for the acknowledgement; throws as `startAcknowledged` does, and `Overloaded` where the write did not get its turn.
   *
   * @param given default: the migration's `callerTimeoutMs`
   */
  async write(input: WriteInput, entry: Entry, given: number | null): Promise<WriteReceipt> {
    const { policy } = this.#migration;
    const timeoutMs = given ?? policy.callerTimeoutMs;
    if (entry === 'journal') return await this.#counted(() => this.#byJournal(input, timeoutMs));
    const write = () => this.#byWorkflow(input, timeoutMs);
    return await (this.#embedded ? this.#counted(write) : write());
  }

  async #byWorkflow(input: WriteInput, timeoutMs: number): Promise<WriteReceipt> {
    const { groupSize } = this.#migration.policy;
    const isAlone =
      groupSize === 1 || input.validateAfterMs !== null || !plainPatterns.includes(input.pattern);
    if (isAlone) return await this.#sendOne({ input, until: performance.now() + timeoutMs });
    return await this.#inTurn('workflow', JSON.stringify([input.ack, input.route, input.dualWrite]), {
      input,
      until: performance.now() + timeoutMs,
    });
  }

  /** Its workflow, where it has one, meets a write that is decided: it sees to the other store, and answers for both. */
  async #byJournal(input: WriteInput, timeoutMs: number): Promise<WriteReceipt> {
    const { id, entity } = input.operation;
    const write = { input, until: performance.now() + timeoutMs };
    await this.#owed.take(1);
    const receipt = await this.#inTurn('journal', `${entity} ${input.dualWrite}`, write);
    const workflow = () => this.#sendOne(write);
    if (input.ack === 'both') {
      return await workflow().catch((error: unknown) => {
        if (!isLockstepError(error, 'TemporalUnavailable')) throw error;
        throw unknownOutcome('write', { entity, operationId: id }, timeoutMs, error);
      });
    }
    // It is a sample that is read back later: where it cannot be had, the write stands nevertheless.
    if (input.validateAfterMs !== null) workflow().catch(ignoreExpected);
    return input.ack === 'recorded' ? { ...receipt, version: null } : receipt;
  }

  async #inTurn(entry: Entry, kind: string, write: TimedWrite): Promise<WriteReceipt> {
    const { id, entity } = write.input.operation;
    checkOperationId(id);
    const queue = this.#queues[entry];
    const timeoutMs = Math.max(0, write.until - performance.now());
    const queued = queue.add(new GroupableWrite(write, kind));
    return await withinLimit(queued.answer, timeoutMs, () =>
      queued.withdraw()
        ? overloaded(
            `${entity}: write ${id} had no turn within ${Math.round(timeoutMs)} ms, behind other writes of its record or of this process`,
            { waiting: queue.waiting },
          )
        : unknownOutcome('write', { entity, operationId: id }, timeoutMs, new Late(timeoutMs)),
    );
  }

  /**
   * Resolves when writes have their answers that this process gives them: those by the journal, and all where it has the worker.
   * Later ones are refused.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#underWay);
    await this.#starts?.close();
  }

  async #counted<T>(write: () => Promise<T>): Promise<T> {
    if (this.#isClosed)
      throw new LockstepError(
        'InvalidInput',
        'the service has closed its connection; connect again to write',
      );
    const answer = write();
    this.#underWay.add(answer);
    try {
      return await answer;
    } finally {
      this.#underWay.delete(answer);
    }
  }

  /** Resolves when no write would be refused: at most half of the places are taken, and half of what may be owed is. */
  readonly whenReady = async (): Promise<void> => {
    const { workflow, journal } = this.#queues;
    await Promise.all([
      workflow.whenReady(),
      journal.whenReady(),
      this.#owed.whenReady(),
      this.#starts?.whenReady(),
    ]);
  };

  /** What fills the groups in flight, and the next one. */
  get concurrency(): number {
    const { groupSize, groupsInFlight } = this.#migration.policy;
    return groupSize * (groupsInFlight + 1);
  }

  #send(group: readonly GroupableWrite[]): readonly Promise<WriteReceipt>[] {
    const [first, ...others] = group;
    if (!first) return [];
    if (others.length === 0) return [this.#sendOne(first)];
    const behind = this.#behind(first.input);
    return behind
      ? writeFirst(this.#start, behind, [first, ...others])
      : startGroup(this.#start, [first, ...others]);
  }

  async #sendOne(write: TimedWrite): Promise<WriteReceipt> {
    const behind = this.#behind(write.input);
    if (!behind) return await startWrite(this.#start, write.input, leftMs(write));
    return await writeFirst(this.#start, behind, [write])[0];
  }

  /** Where the stores may be called before the write has its workflow; null where the workflow must lead. */
  #behind({ ack, pattern }: WriteInput): Behind | null {
    const embedded = this.#embedded;
    if (!embedded?.isRunning() || ack === 'recorded' || !plainPatterns.includes(pattern)) return null;
    const { temporal, migration } = this.#start;
    this.#starts ??= new StartBehind(embedded, (start, timeoutMs) =>
      sendEagerStart(temporal, migration.taskQueue, start, timeoutMs),
    );
    return { worker: embedded, starts: this.#starts };
  }
}

class Late extends Error {
  constructor(timeoutMs: number) {
    super(`no answer within ${Math.round(timeoutMs)} ms`);
  }
}
