import { overloaded } from './overloaded.ts';

/** A write that waits for its turn. */
export interface QueuedWrite {
  /** Which record it is about. */
  readonly record: string;
  /** Only writes of the same kind share a group: when they are answered, and where they go. */
  readonly kind: string;
  /** Asked for where there are others that it may go with. */
  readonly bytes: number;
}

export interface QueueLimits {
  readonly groupSize: number;
  readonly groupBytes: number;
  readonly groupsInFlight: number;
  readonly maxWaiting: number;
  /** A group that is not answered in this time holds no others up any more. */
  readonly slowMs: number;
}

/** Sends a group on its way, and gives the answer to each of its writes. */
export type SendGroup<Write, Answer> = (group: readonly Write[]) => readonly Promise<Answer>[];

interface Waiting<Write, Answer> {
  readonly write: Write;
  readonly answer: PromiseWithResolvers<Answer>;
}

/** A group that holds one of the places. */
interface Sent {
  /** Milliseconds of `performance.now`. */
  readonly at: number;
}

/** A write on its way through the queue. */
export interface Queued<Answer> {
  readonly answer: Promise<Answer>;
  /** Takes it out again, where it has not been sent; says whether that was so. */
  withdraw(): boolean;
}

/**
 * Groups the writes that wait at the same moment: while a few groups are in flight, the next writes gather. Nobody waits for
 * others to come. Writes of one record keep their order: never are two groups with the same record in flight.
 */
export class WriteQueue<Write extends QueuedWrite, Answer> {
  readonly #limits: QueueLimits;
  readonly #send: SendGroup<Write, Answer>;
  #waiting: Waiting<Write, Answer>[] = [];
  readonly #busy = new Map<string, number>();
  /** In the order in which they were sent. */
  readonly #inFlight = new Set<Sent>();
  #slow: NodeJS.Timeout | null = null;
  #isDispatching = false;
  #whenReady: PromiseWithResolvers<void> | null = null;

  constructor(limits: QueueLimits, send: SendGroup<Write, Answer>) {
    this.#limits = limits;
    this.#send = send;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Throws `Overloaded` where too many wait already. */
  add(write: Write): Queued<Answer> {
    const { length } = this.#waiting;
    if (length >= this.#limits.maxWaiting)
      throw overloaded(`${length} writes wait in this process already`, { waiting: length });
    const waiting = { write, answer: Promise.withResolvers<Answer>() };
    this.#waiting.push(waiting);
    this.#dispatchSoon();
    return {
      answer: waiting.answer.promise,
      withdraw: () => {
        const at = this.#waiting.indexOf(waiting);
        if (at !== -1) this.#waiting.splice(at, 1);
        this.#dispatchSoon();
        return at !== -1;
      },
    };
  }

  /** Resolves when at most half of the places are taken. */
  async whenReady(): Promise<void> {
    if (this.#hasRoom()) return;
    this.#whenReady ??= Promise.withResolvers<void>();
    await this.#whenReady.promise;
  }

  #hasRoom(): boolean {
    return this.#waiting.length <= this.#limits.maxWaiting / 2;
  }

  #dispatchWaiting(): void {
    if (this.#waiting.length > 0 || this.#whenReady) this.#dispatchSoon();
  }

  /**
   * Once everybody who can go on at this moment has: callers who were answered together send their next writes together. Where nothing is
   * in flight, no other answer can be about to come.
   */
  #dispatchSoon(): void {
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    const dispatch = () => {
      this.#isDispatching = false;
      this.#dispatch();
    };
    if (this.#inFlight.size === 0) process.nextTick(dispatch);
    else setImmediate(dispatch);
  }

  #dispatch(): void {
    while (this.#hasPlace()) {
      const group = this.#takeGroup();
      if (group.length === 0) break;
      this.#sendGroup(group);
    }
    this.#watchSlow();
    if (this.#whenReady && this.#hasRoom()) {
      this.#whenReady.resolve();
      this.#whenReady = null;
    }
  }

  #hasPlace(): boolean {
    return this.#inFlight.size < this.#limits.groupsInFlight;
  }

  /** Only while writes wait for a place: most groups are answered long before, and a timer costs a lone write more than its queue. */
  #watchSlow(): void {
    const [oldest] = this.#inFlight;
    if (!oldest || this.#slow || this.#waiting.length === 0 || this.#hasPlace()) return;
    const { slowMs } = this.#limits;
    this.#slow = setTimeout(
      () => {
        this.#slow = null;
        const slow = performance.now() - slowMs;
        for (const group of this.#inFlight) if (group.at <= slow) this.#inFlight.delete(group);
        this.#dispatch();
      },
      oldest.at + slowMs - performance.now(),
    );
  }

  /** The oldest that may go, and what may go with it. A record that is passed over keeps its later writes waiting too. */
  #takeGroup(): readonly Waiting<Write, Answer>[] {
    const [only] = this.#waiting;
    if (only && this.#waiting.length === 1 && !this.#busy.has(only.write.record))
      return this.#waiting.splice(0);
    const { groupSize, groupBytes } = this.#limits;
    const group: Waiting<Write, Answer>[] = [];
    const left: Waiting<Write, Answer>[] = [];
    const passedOver = new Set<string>();
    let bytes = 0;
    let isFull = false;
    for (const waiting of this.#waiting) {
      const { write } = waiting;
      const first = group[0];
      const fits = !first || (first.write.kind === write.kind && bytes + write.bytes <= groupBytes);
      if (isFull || !fits || this.#busy.has(write.record) || passedOver.has(write.record)) {
        passedOver.add(write.record);
        left.push(waiting);
        continue;
      }
      group.push(waiting);
      bytes += write.bytes;
      isFull = group.length >= groupSize || bytes >= groupBytes;
    }
    this.#waiting = left;
    return group;
  }

  #sendGroup(group: readonly Waiting<Write, Answer>[]): void {
    const sent: Sent = { at: performance.now() };
    this.#inFlight.add(sent);
    for (const { write } of group) this.#busy.set(write.record, (this.#busy.get(write.record) ?? 0) + 1);
    const answers = this.#send(group.map(({ write }) => write));
    for (const [index, { write, answer }] of group.entries()) {
      const settle = () => {
        this.#release(write.record);
        this.#inFlight.delete(sent);
        this.#dispatchWaiting();
      };
      const given = answers[index];
      if (!given) throw new TypeError('a group gave fewer answers than it has writes');
      given.then(
        (value) => {
          settle();
          answer.resolve(value);
        },
        (error: unknown) => {
          settle();
          answer.reject(error);
        },
      );
    }
  }

  #release(record: string): void {
    const left = (this.#busy.get(record) ?? 1) - 1;
    if (left === 0) this.#busy.delete(record);
    else this.#busy.set(record, left);
  }
}
