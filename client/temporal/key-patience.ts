/** Long enough for workers that are restarted one after the other with a new key. */
const patienceMs = 60_000;

/**
 * For how long a worker leaves to others what it has no key for. They may have the key: then its task is done as soon as one of them gets it. Where
 * nobody has, whoever can send a message would hold up its workflow for ever.
 */
export class KeyPatience {
  readonly #report: (error: Error) => void;
  readonly #ms: number;
  readonly #now: () => number;
  #since = 0;
  #last: number | null = null;

  /** @param report told of each payload that is given up */
  constructor(report: (error: Error) => void, ms = patienceMs, now: () => number = () => performance.now()) {
    this.#report = report;
    this.#ms = ms;
    this.#now = now;
  }

  /** To be asked at each such payload, with what is wrong with it. One clock for all keys: who makes them up would start one after the other. */
  isOver(error: Error): boolean {
    const now = this.#now();
    // So long after the last one it is about something else.
    if (this.#last === null || now - this.#last > 10 * this.#ms) this.#since = now;
    this.#last = now;
    if (now - this.#since < this.#ms) return false;
    this.#report(error);
    return true;
  }
}
