import { readOne } from '../../databases/contract/read-one.ts';
import type { Store, Stores } from '../../databases/contract/store.ts';
import type { StoredRecord } from '../../databases/contract/write.ts';
import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { withinLimit } from '../../model/time-limit.ts';

/** One read of a service: each store is asked at most once, so that one which hangs costs its limit once. */
export class KeyReads {
  readonly #stores: Stores;
  readonly #limitMs: number;
  readonly #asked = new Map<StoreName, Promise<StoredRecord>>();

  constructor(stores: Stores, limitMs: number) {
    this.#stores = stores;
    this.#limitMs = limitMs;
  }

  /** Throws `StoreUnavailable`, also where the store did not answer within the limit. */
  async from(name: StoreName, entity: Entity, key: Key): Promise<StoredRecord> {
    const asked = this.#asked.get(name) ?? this.#ask(this.#stores[name], entity, key);
    this.#asked.set(name, asked);
    return await asked;
  }

  async #ask(store: Store, entity: Entity, key: Key): Promise<StoredRecord> {
    return await withinLimit(readOne(store, entity, key), this.#limitMs, () =>
      lateRead(`the ${store.name} store (${store.address})`, this.#limitMs, store.name),
    );
  }
}

/** The failure of a read that a store, or both, did not answer in time. */
export function lateRead(who: string, limitMs: number, store?: StoreName): LockstepError {
  return new LockstepError(
    'StoreUnavailable',
    `${who} did not answer a read within ${limitMs} ms; look at the server and the network, or raise readTimeoutMs of connect`,
    store ? { store } : {},
  );
}
