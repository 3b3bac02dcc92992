import type { Waits } from '../client/waits.ts';

/** How often, in milliseconds, it is said what a command waits for: nothing is silent for longer. */
export const noticeEveryMs = 3_000;
/** After so long it is said seldom. */
const oftenMs = 30_000;

/** Says what is waited for, so that nobody sits before a silent command. */
export class Notices implements Waits {
  readonly #waits = new Map<symbol, { readonly what: string; readonly since: number }>();
  readonly #timer: NodeJS.Timeout;
  #saidAt = Number.NEGATIVE_INFINITY;

  /**
   * @param say takes a line
   * @param everyMs how often it is said, in milliseconds; a tenth as often once something has lasted for half a minute
   */
  constructor(say: (line: string) => void, everyMs: number) {
    this.#timer = setInterval(() => this.#look(say, everyMs), everyMs);
    this.#timer.unref();
  }

  begin(what: string): () => void {
    const wait = Symbol(what);
    this.#waits.set(wait, { what, since: performance.now() });
    return () => this.#waits.delete(wait);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#waits.clear();
  }

  #look(say: (line: string) => void, everyMs: number): void {
    const waits = [...this.#waits.values()];
    if (waits.length === 0) return;
    const now = performance.now();
    const longestMs = now - Math.min(...waits.map(({ since }) => since));
    if (longestMs > oftenMs && now - this.#saidAt < everyMs * 10) return;
    this.#saidAt = now;
    const what = [...new Set(waits.map((wait) => wait.what))].join(' and ');
    const seconds = Math.round(longestMs / 1_000);
    say(`waiting for ${what}${seconds > 0 ? ` (${seconds} s)` : ''}`);
  }
}
