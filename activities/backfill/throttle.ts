import type { LiveLatency } from '../write/live-latency.ts';

const liveMs = 5_000;
/** Of the time: what the copying gets however slow live writes are, so that it ends, and the most it gets beside them. */
const minShare = 0.25;
const maxShare = 0.8;
const maxPauseMs = 1_000;
const shareIncrease = 0.05;
const shareFactor = 0.5;
/** So much longer hurts nobody, whatever the factor. */
const toleranceMs = 10;
/** How old writes may be that tell what is usual without copying. */
const quietMs = 10 * 60_000;
const adjustEveryMs = 1_000;
/** After so long too few writes have met the copying for it to matter much. */
const patienceMs = 10_000;

/**
 * Lets a copy give way to live writes: as long as there are any, one chunk at a time, and a pause between two. The share of
 * the time that goes to chunks is raised by steps, and halved when the writes beside them are slowed.
 */
export class Throttle {
  readonly #latency: LiveLatency;
  readonly #factor: number;
  #share = minShare;
  #adjustedAt: number;
  #changedAt: number;
  /** When the pause after the last chunk is over. */
  #freeAt = 0;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param factor how many times as long live writes may take; 0 never gives way */
  constructor(latency: LiveLatency, factor: number) {
    this.#latency = latency;
    this.#factor = factor;
    this.#adjustedAt = latency.now();
    this.#changedAt = latency.now();
  }

  /** Whether there is anything to give way to. */
  get isActive(): boolean {
    return this.#factor > 0 && this.#latency.isLive(liveMs);
  }

  /** Copies when it is this chunk's turn; where live writes go on, after a pause. Gives the milliseconds of the pause. */
  async run<T>(
    copy: () => Promise<T>,
    pause: (ms: number) => Promise<void>,
  ): Promise<{ result: T; pausedMs: number }> {
    if (!this.isActive) return { result: await this.#latency.whileCopying(copy), pausedMs: 0 };
    const mine = this.#turn.then(() => this.#runInTurn(copy, pause));
    this.#turn = mine.catch(() => undefined);
    return await mine;
  }

  async #runInTurn<T>(
    copy: () => Promise<T>,
    pause: (ms: number) => Promise<void>,
  ): Promise<{ result: T; pausedMs: number }> {
    const pausedMs = Math.max(0, this.#freeAt - this.#latency.now());
    if (pausedMs > 0) await pause(pausedMs);
    const began = this.#latency.now();
    const result = await this.#latency.whileCopying(copy);
    const ended = this.#latency.now();
    this.#adjustShare(ended);
    // A chunk may have spent its time waiting for locks: its pause is bounded.
    this.#freeAt = ended + Math.min(maxPauseMs, (ended - began) * (1 / this.#share - 1));
    return { result, pausedMs };
  }

  /** By writes that were not judged by before, so that one slow moment counts once. */
  #adjustShare(now: number): void {
    if (now - this.#adjustedAt < adjustEveryMs) return;
    const copying = this.#latency.quantile(0.9, 'copying', now - this.#adjustedAt);
    if (copying === null) {
      if (now - this.#changedAt >= patienceMs) this.#change(false, now);
      return;
    }
    // Where nothing tells what is usual, longer pauses will.
    const quiet = this.#latency.quantile(0.9, 'quiet', quietMs);
    this.#change(quiet === null || copying > quiet * this.#factor + toleranceMs, now);
    this.#adjustedAt = now;
  }

  #change(slowed: boolean, now: number): void {
    this.#share = slowed
      ? Math.max(minShare, this.#share * shareFactor)
      : Math.min(maxShare, this.#share + shareIncrease);
    this.#changedAt = now;
  }
}
