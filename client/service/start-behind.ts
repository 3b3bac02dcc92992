import { setTimeout as sleep } from 'node:timers/promises';
import { ConditionVariable } from '../../model/condition-variable.ts';
import type { Start } from '../temporal/acknowledged-start.ts';
import { reasonOf } from '../temporal/failures.ts';
import type { EmbeddedWorker, WrittenHere } from './embedded-worker.ts';
import { ignoreExpected } from './expected-failure.ts';
import { decidedWrite, groupStartBehind } from './group-start.ts';
import { overloaded } from './overloaded.ts';
import { writeStart } from './start-write.ts';

/** So long writes gather for a workflow. */
const gatherMs = 2_000;
/** What one workflow may have: it costs as much as hundreds of its writes, and Temporal warns of inputs above 512 KiB. */
const maxBytes = 480 * 1024;
const maxWrites = 4_000;
/** So many bytes may wait for workflows; further writes wait before they are made. */
const maxWaitingBytes = 8 * maxBytes;
const startLimitMs = 5_000;
const pauseMs = 1_000;

interface Waiting {
  readonly write: WrittenHere;
  /** Only writes of the same kind share a workflow. */
  readonly kind: string;
  readonly bytes: number;
}

type Follower = Pick<EmbeddedWorker, 'open' | 'takeOver' | 'begun'>;
/** As `sendEagerStart`. */
type SendStart = (start: Start<unknown>, timeoutMs: number) => Promise<boolean>;

/**
 * Gives workflows to writes that this process has made. Those that no store is owed any more, and whose callers have their answers, gather, so
 * that the workflows are few; a write that is alone has that of its own id. While Temporal is away they wait, up to a bound. Where the
 * process dies first, nothing is lost: a journal that still has them as pending is retried.
 */
export class StartBehind {
  readonly #worker: Follower;
  readonly #send: SendStart;
  /** By operation: sent again meanwhile, it has one workflow. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #started = new ConditionVariable();
  readonly #closing = new AbortController();
  #bytes = 0;
  #isTold = false;
  #running: Promise<void> | null = null;

  constructor(worker: Follower, send: SendStart) {
    this.#worker = worker;
    this.#send = send;
  }

  add(write: WrittenHere): void {
    const { operation, route, dualWrite, validateAfterMs } = write.input;
    if (this.#waiting.has(operation.id)) return;
    const bytes = Buffer.byteLength(JSON.stringify(decidedWrite(write.input) ?? operation));
    const kind = validateAfterMs === null ? JSON.stringify([route, dualWrite]) : operation.id;
    this.#waiting.set(operation.id, { write, kind, bytes });
    this.#bytes += bytes;
    this.#running ??= this.#run();
  }

  /**
   * Starts the workflow of writes that differ in nothing but their operations. It begins with what this process has made of them.
   *
   * @throws LockstepError `Overloaded` where workflows run too slowly for it to begin in time
   * @throws what Temporal's client does
   */
  async startAtOnce(writes: readonly [WrittenHere, ...WrittenHere[]], timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs;
    const [first, ...others] = writes;
    const start = others.length === 0 ? writeStart(first.input, timeoutMs) : groupStartBehind(writes);
    const { workflowId } = start;
    const ahead = await this.#worker.open(workflowId, timeoutMs);
    if (ahead !== null) {
      throw overloaded(
        `${ahead} workflows of this process have not run yet, none of them within ${Math.round(timeoutMs)} ms`,
        { waiting: ahead },
      );
    }
    this.#worker.takeOver(workflowId, writes);
    const started = this.#send(start, Math.max(0, until - performance.now()));
    this.#worker.begun(workflowId, started);
    await started;
  }

  /** Resolves when further writes may be made; throws `Overloaded` where none may within that time. */
  async room(timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs;
    while (this.#bytes >= maxWaitingBytes) {
      const leftMs = until - performance.now();
      if (leftMs <= 0) {
        throw overloaded(
          `${this.#waiting.size} writes of this process still wait for Temporal to start their workflows, after ${Math.round(timeoutMs)} ms`,
          { waiting: this.#waiting.size },
        );
      }
      await this.#started.wait(leftMs);
    }
  }

  /** Resolves when at most half of the room is taken. */
  async whenReady(): Promise<void> {
    while (this.#bytes > maxWaitingBytes / 2) await this.#started.wait(pauseMs);
  }

  /** Starts what is left, trying once: the stores have it whole, whatever comes of that. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.size > 0) {
      if (this.#bytes < maxBytes && this.#waiting.size < maxWrites) await this.#pause(gatherMs);
      const failure = await this.#startNext();
      this.#tell(failure);
      if (failure === null) continue;
      if (this.#closing.signal.aborted) break;
      await this.#pause(pauseMs);
    }
    this.#running = null;
  }

  /** The oldest, and what may go with it; null, or why that could not be. */
  async #startNext(): Promise<string | null> {
    const [first, ...others] = this.#nextBatch();
    if (!first) return null;
    try {
      await this.startAtOnce([first, ...others], startLimitMs);
    } catch (error) {
      ignoreExpected(error);
      return reasonOf(error);
    }
    for (const { input } of [first, ...others]) this.#remove(input.operation.id);
    this.#started.notifyAll();
    return null;
  }

  #nextBatch(): readonly WrittenHere[] {
    const batch: WrittenHere[] = [];
    let kind: string | null = null;
    let bytes = 0;
    for (const waiting of this.#waiting.values()) {
      kind ??= waiting.kind;
      if (waiting.kind !== kind) continue;
      bytes += waiting.bytes;
      if (batch.length > 0 && (bytes > maxBytes || batch.length === maxWrites)) break;
      batch.push(waiting.write);
    }
    return batch;
  }

  #remove(operationId: string): void {
    this.#bytes -= this.#waiting.get(operationId)?.bytes ?? 0;
    this.#waiting.delete(operationId);
  }

  /** Once, until it is over. */
  #tell(failure: string | null): void {
    if (failure !== null && !this.#isTold) {
      process.emitWarning(
        `${this.#waiting.size} writes that the stores have wait for their workflows: ${failure}; look whether Temporal answers`,
        { type: 'LockstepWarning' },
      );
    }
    this.#isTold = failure !== null;
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    if (!signal.aborted) await sleep(ms, undefined, { signal }).catch(() => undefined);
  }
}
