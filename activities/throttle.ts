import type { LiveLatency } from './live-latency.ts';

const recentMs = 5_000;
const quietMs = 60_000;
const leastShare = 0.1;
const mostShare = 0.9;
/** Too short to count, whatever the factor. */
const graceMs = 1;

/**
 * Lets a copy give way to live writes: as long as there are any, one short chunk at a time, and a pause after each that is
 * the longer, the more the writes are slowed by the copying.
 */
export class Throttle {
  readonly #latency: LiveLatency;
  readonly #factor: number;
  #share = 0.2;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param factor how many times as long live writes may take; 0 never gives way */
  constructor(latency: LiveLatency, factor: number) {
    this.#latency = latency;
    this.#factor = factor;
  }

  /** Whether there is anything to give way to. */
  get holds(): boolean {
    return this.#factor > 0 && this.#latency.isLive(recentMs);
  }

  /** Copies, then pauses; one after the other where live writes go on. Gives the milliseconds of the pause. */
  async copying<T>(
    copy: () => Promise<T>,
    pause: (ms: number) => Promise<void>,
  ): Promise<{ result: T; pausedMs: number }> {
    if (!this.holds) return { result: await this.#latency.whileCopying(copy), pausedMs: 0 };
    const mine = this.#turn.then(async () => {
      const began = performance.now();
      const result = await this.#latency.whileCopying(copy);
      const pausedMs = this.#pauseMs(performance.now() - began);
      await pause(pausedMs);
      return { result, pausedMs };
    });
    this.#turn = mine.catch(() => undefined);
    return await mine;
  }

  #pauseMs(tookMs: number): number {
    const quiet = this.#latency.quantile(0.9, false, quietMs);
    const copying = this.#latency.quantile(0.9, true, recentMs);
    if (quiet !== null && copying !== null) {
      const slowed = copying > quiet * this.#factor + graceMs;
      this.#share = slowed
        ? Math.max(leastShare, this.#share * 0.7)
        : Math.min(mostShare, this.#share * 1.05);
    }
    return tookMs * (1 / this.#share - 1);
  }
}
