import type { Store, Stores } from '../databases/store.ts';

interface Sample {
  readonly at: number;
  readonly ms: number;
  /** Whether rows were being copied meanwhile. */
  readonly copying: boolean;
}

const remembered = 1_000;

/** How long live writes take at the stores, while this worker copies rows and while it does not. */
export class LiveLatency {
  readonly #now: () => number;
  readonly #samples: Sample[] = [];
  #copies = 0;

  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  async timing<T>(write: () => Promise<T>): Promise<T> {
    const began = this.#now();
    const copying = this.#copies > 0;
    const result = await write();
    const at = this.#now();
    this.#samples.push({ at, ms: at - began, copying: copying || this.#copies > 0 });
    if (this.#samples.length > remembered) this.#samples.shift();
    return result;
  }

  async whileCopying<T>(copy: () => Promise<T>): Promise<T> {
    this.#copies += 1;
    try {
      return await copy();
    } finally {
      this.#copies -= 1;
    }
  }

  /** Whether anything was written within the last `ms`. */
  isLive(ms: number): boolean {
    const last = this.#samples.at(-1);
    return last !== undefined && this.#now() - last.at <= ms;
  }

  /** The share-quantile of the last `ms`; null where there are too few writes to tell. */
  quantile(share: number, copying: boolean, ms: number): number | null {
    const since = this.#now() - ms;
    const found = this.#samples.filter((sample) => sample.copying === copying && sample.at >= since);
    if (found.length < 5) return null;
    const sorted = found.map((sample) => sample.ms).sort((left, right) => left - right);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
  }
}

/** Stores whose writes are timed; every other method is the store's own. */
export function timed(stores: Stores, latency: LiveLatency): Stores {
  return { legacy: timedStore(stores.legacy, latency), modern: timedStore(stores.modern, latency) };
}

function timedStore(store: Store, latency: LiveLatency): Store {
  const write: Store['write'] = (...given) => latency.timing(() => store.write(...given));
  return new Proxy(store, {
    get: (target, name) => (name === 'write' ? write : Reflect.get(target, name)),
  });
}
