import type { LiveLatency } from '../write/live-latency.ts';
import type { Pause } from './pause.ts';

/**
 * How hard a copy goes on beside live writes: the share of the time, and whether chunks come one at a time (`alone`), with the
 * next one read meanwhile (`ahead`), or as many at once as there are ranges under way (`together`).
 */
const levels = [
  { share: 0.25, how: 'alone' },
  { share: 0.5, how: 'alone' },
  { share: 0.9, how: 'alone' },
  { share: 0.9, how: 'ahead' },
  { share: 0.9, how: 'together' },
] as const;
const firstLevel = 1;

const liveMs = 5_000;
const minRestMs = 100;
const maxRestMs = 1_000;
/** A rest is as long as so many writes, which else would all meet a chunk. */
const writesPerRest = 2;
/** So much longer hurts nobody, whatever the factor; chunks come together only where writes are not even that much slower. */
const toleranceMs = 10;
/** How old writes may be that tell what is usual without copying. */
const quietMs = 10 * 60_000;
const judgeEveryMs = 1_000;
/** After so long too few writes have met the copying for it to matter much. */
const patienceMs = 10_000;
/** What slowed live writes is tried again after so long, then after twice as long each time, until it was good for so long. */
const firstWaitMs = 20_000;
const maxWaitMs = 5 * 60_000;
const goodMs = 60_000;

/**
 * Lets a copy give way to live writes: as long as there are any, it rests now and then, which tells what they take without
 * it, and goes on as hard as does not slow them.
 */
export class Throttle {
  readonly #latency: LiveLatency;
  readonly #factor: number;
  #level = firstLevel;
  readonly #tried = levels.map(() => ({ notBefore: 0, waitMs: firstWaitMs }));
  #judgedAt: number;
  #changedAt: number;
  #underWay = 0;
  /** Until when the time of chunks is counted, those that overlap once. */
  #countedUntil: number;
  /** How long the next rest is. */
  #owedMs = 0;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param factor how many times as long live writes may take; 0 never gives way */
  constructor(latency: LiveLatency, factor: number) {
    this.#latency = latency;
    this.#factor = factor;
    const now = latency.now();
    this.#judgedAt = now;
    this.#changedAt = now;
    this.#countedUntil = now;
  }

  /** Whether there is anything to give way to. */
  get isActive(): boolean {
    return this.#factor > 0 && this.#latency.isLive(liveMs);
  }

  /** Whether a page is read while another is written. */
  get readsAhead(): boolean {
    return !this.isActive || this.#current().how !== 'alone';
  }

  /** What is read before its turn comes is in the way of live writes as well. */
  ahead<T>(read: () => Promise<T>): Promise<T> {
    return this.#latency.whileCopying(read);
  }

  /**
   * Copies when it is this chunk's turn; where live writes go on, after a rest. Gives the milliseconds of the rest.
   *
   * @param alone in turn with the other ranges, whether live writes go on or not; default: as live writes ask for
   */
  async run<T>(
    copy: () => Promise<T>,
    pause: Pause,
    { alone = false }: { readonly alone?: boolean } = {},
  ): Promise<{ result: T; pausedMs: number }> {
    const inTurn = alone || (this.isActive && this.#current().how !== 'together');
    if (!inTurn) return await this.#runRested(copy, pause);
    const mine = this.#turn.then(() => this.#runRested(copy, pause));
    this.#turn = mine.catch(() => undefined);
    return await mine;
  }

  async #runRested<T>(copy: () => Promise<T>, pause: Pause): Promise<{ result: T; pausedMs: number }> {
    if (!this.isActive) return { result: await this.#latency.whileCopying(copy), pausedMs: 0 };
    const pausedMs = await this.#rest(pause);
    const began = this.#latency.now();
    if (this.#underWay === 0) this.#begin(began, began - this.#countedUntil);
    this.#underWay += 1;
    try {
      return { result: await this.#latency.whileCopying(copy), pausedMs };
    } finally {
      this.#underWay -= 1;
      const ended = this.#latency.now();
      this.#judge(ended);
      const { share } = this.#current();
      const ms = ended - Math.max(began, this.#countedUntil);
      this.#countedUntil = ended;
      // A chunk may have spent its time waiting for locks: its rest is bounded.
      this.#owedMs = Math.min(maxRestMs, this.#owedMs + ms * (1 / share - 1));
    }
  }

  /** Time that passed anyway was a rest; after much of it the next chunks are judged, not the last ones. */
  #begin(now: number, idleMs: number): void {
    this.#owedMs = Math.max(0, this.#owedMs - idleMs);
    if (idleMs < patienceMs) return;
    this.#judgedAt = now;
    this.#changedAt = now;
  }

  /** For as long as all that are under way have been, so that some writes meet none of them. */
  async #rest(pause: Pause): Promise<number> {
    let pausedMs = 0;
    while (this.#owedMs >= between(minRestMs, writesPerRest * this.#usualMs(), maxRestMs)) {
      const leftMs = this.#countedUntil + this.#owedMs - this.#latency.now();
      if (leftMs <= 0) break;
      const began = this.#latency.now();
      const isWhole = await pause(leftMs);
      pausedMs += this.#latency.now() - began;
      if (!isWhole) break;
    }
    return pausedMs;
  }

  /** By writes that were not judged by before, so that one slow moment counts once. */
  #judge(now: number): void {
    if (now - this.#judgedAt < judgeEveryMs) return;
    const beside = this.#latency.recent('copying', now - this.#judgedAt);
    if (beside === null) {
      if (now - this.#changedAt >= patienceMs) this.#raise(now);
      return;
    }
    this.#judgedAt = now;
    const usual = this.#quietMs();
    // Where nothing tells what is usual, longer rests will.
    if (usual === null || isSlowed(beside, usual * this.#factor + this.#toleranceMs())) this.#lower(now);
    else this.#raise(now);
  }

  /** How often chunks come makes no difference to the writes beside one; how they come does. */
  #lower(now: number): void {
    if (this.#level === 0) return;
    const tried = this.#tried[this.#level];
    const isOther = levels[this.#level - 1]?.how !== this.#current().how;
    if (tried && isOther) {
      tried.notBefore = now + tried.waitMs;
      tried.waitMs = Math.min(maxWaitMs, tried.waitMs * 2);
    }
    this.#level -= 1;
    this.#changedAt = now;
  }

  #raise(now: number): void {
    const tried = this.#tried[this.#level];
    if (tried && now - this.#changedAt >= goodMs) tried.waitMs = firstWaitMs;
    const next = this.#tried[this.#level + 1];
    if (!next || now < next.notBefore) return;
    this.#level += 1;
    this.#changedAt = now;
  }

  #current(): (typeof levels)[number] {
    return levels[this.#level] ?? levels[0];
  }

  #toleranceMs(): number {
    return this.#current().how === 'together' ? 0 : toleranceMs;
  }

  /** What nine of ten writes take at most without copying; null where too few tell. */
  #quietMs(): number | null {
    return this.#latency.quantile(0.9, 'quiet', quietMs);
  }

  #usualMs(): number {
    return this.#quietMs() ?? this.#latency.quantile(0.9, 'copying', quietMs) ?? 0;
  }
}

/** Whether more of them than by chance take longer than nine of ten do. */
function isSlowed(writes: readonly number[], limitMs: number): boolean {
  const slow = writes.filter((ms) => ms > limitMs).length;
  return slow > 0.1 * writes.length + 0.7 * Math.sqrt(writes.length);
}

function between(least: number, value: number, most: number): number {
  return Math.max(least, Math.min(value, most));
}
