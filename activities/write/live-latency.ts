import type { Store, Stores } from '../../databases/contract/store.ts';
import { withCalls } from '../../databases/contract/with-calls.ts';

interface Sample {
  readonly at: number;
  readonly ms: number;
}

/** Of either kind: seconds' worth where much is written, minutes' where little is. */
const maxSamples = 200;
const minSamples = 10;

/** How long this worker's live writes take at the stores, while it copies rows (`copying`) and while it does not (`quiet`). */
export class LiveLatency {
  readonly now: () => number;
  readonly #samples: Readonly<Record<'copying' | 'quiet', Sample[]>> = { copying: [], quiet: [] };
  #begun = 0;
  #ended = 0;

  constructor(now = () => performance.now()) {
    this.now = now;
  }

  async measure<T>(write: () => Promise<T>): Promise<T> {
    const began = this.now();
    const endedBefore = this.#ended;
    const result = await write();
    const at = this.now();
    // Also a copy that began and ended meanwhile was in its way.
    const samples = this.#samples[this.#begun > endedBefore ? 'copying' : 'quiet'];
    samples.push({ at, ms: at - began });
    if (samples.length > maxSamples) samples.shift();
    return result;
  }

  async whileCopying<T>(copy: () => Promise<T>): Promise<T> {
    this.#begun += 1;
    try {
      return await copy();
    } finally {
      this.#ended += 1;
    }
  }

  /** Whether anything was written within the last `ms`. */
  isLive(ms: number): boolean {
    const since = this.now() - ms;
    return Object.values(this.#samples).some((samples) => (samples.at(-1)?.at ?? -Infinity) >= since);
  }

  /** The milliseconds of the writes of the last `ms`; null where they are too few to tell anything. */
  recent(kind: 'copying' | 'quiet', ms: number): number[] | null {
    const since = this.now() - ms;
    const found = this.#samples[kind].filter(({ at }) => at > since);
    return found.length < minSamples ? null : found.map((sample) => sample.ms);
  }

  /** The share-quantile of the same. */
  quantile(share: number, kind: 'copying' | 'quiet', ms: number): number | null {
    const sorted = this.recent(kind, ms)?.sort((left, right) => left - right);
    return sorted?.[Math.ceil(sorted.length * share) - 1] ?? null;
  }
}

/** Stores of which the calls that live writes make are timed. */
export function withTiming(stores: Stores, latency: LiveLatency): Stores {
  return { legacy: timedStore(stores.legacy, latency), modern: timedStore(stores.modern, latency) };
}

function timedStore(store: Store, latency: LiveLatency): Store {
  return withCalls(store, {
    write: (...given) => latency.measure(() => store.write(...given)),
    applyTransaction: (...given) => latency.measure(() => store.applyTransaction(...given)),
    prepareBranch: (...given) => latency.measure(() => store.prepareBranch(...given)),
    commitBranch: (...given) => latency.measure(() => store.commitBranch(...given)),
  });
}
