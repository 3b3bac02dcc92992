import type { Store } from '../databases/contract/store.ts';
import type { StoreName } from '../model/failure.ts';

/** So long what was found holds, in milliseconds: whoever asks whether a worker is ready gives it a second, and there may be hundreds of tables. */
const fitForMs = 60_000;

/** Whether stores take a worker's work, asked every few seconds: each table and routine is looked at once a minute, and as long as one is not as it should be. */
export class StoreFit {
  readonly #elapsed: () => number;
  readonly #fitUntil = new Map<StoreName, number>();

  constructor(elapsed: () => number = () => performance.now()) {
    this.#elapsed = elapsed;
  }

  /** Throws why the store does not take work now. */
  async check(store: Pick<Store, 'name' | 'ping' | 'check'>): Promise<void> {
    const now = this.#elapsed();
    if (now < (this.#fitUntil.get(store.name) ?? 0)) return await store.ping();
    this.#fitUntil.delete(store.name);
    await store.check();
    this.#fitUntil.set(store.name, now + fitForMs);
  }
}
