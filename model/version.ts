/**
 * Versions are 63-bit hybrid logical clock values: milliseconds since 1970 in the upper bits, a 16-bit counter below.
 * They travel as decimal strings, because JSON has no integers of that size.
 */
export type Version = string;

const counterBits = 16n;
export const versionBeforeLockstep: Version = '0';
const maxVersion = (1n << 63n) - 1n;

/** Clocks of services differ by less. A version from farther ahead would keep every later write of its record out, and is refused. */
export const maxLeadMs = 86_400_000;
const maxLead = BigInt(maxLeadMs + 1) << counterBits;

/**
 * A clock that never gives the same value twice and never goes back, whatever the wall clock does; but for one that has stood so far
 * ahead that nothing it gave was taken.
 */
export class HybridClock {
  readonly #now: () => number;
  #last = 0n;

  /** @param now wall clock in milliseconds since 1970 */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  next(): Version {
    const wall = BigInt(Math.max(0, Math.floor(this.#now()))) << counterBits;
    if (this.#last > wall + maxLead) this.#last = 0n;
    this.#last = wall > this.#last ? wall : this.#last + 1n;
    return this.#last.toString();
  }
}

/** The wall clock that a version was taken from, in milliseconds since 1970. */
export function millisecondsOf(version: Version): number {
  return Number(BigInt(version) >> counterBits);
}

export function isNewer(version: Version, than: Version): boolean {
  return BigInt(version) > BigInt(than);
}

export function isVersion(text: string): boolean {
  return /^(0|[1-9]\d{0,18})$/.test(text) && BigInt(text) <= maxVersion;
}
