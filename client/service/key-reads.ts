import { readOne } from '../../databases/contract/read-one.ts';
import type { Stores } from '../../databases/contract/store.ts';
import type { StoredRecord } from '../../databases/contract/write.ts';
import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import type { StoreBreaker } from './store-breaker.ts';

/** One read of a record: each store is asked at most once, so that one which hangs costs its limit once. */
export class KeyReads {
  readonly entity: Entity;
  readonly key: Key;
  readonly #stores: Stores;
  readonly #breaker: StoreBreaker;
  readonly #asked = new Map<StoreName, Promise<StoredRecord>>();

  constructor(stores: Stores, breaker: StoreBreaker, entity: Entity, key: Key) {
    this.#stores = stores;
    this.#breaker = breaker;
    this.entity = entity;
    this.key = key;
  }

  /** Throws `StoreUnavailable`, also where the store did not answer within the limit. */
  async from(name: StoreName): Promise<StoredRecord> {
    const store = this.#stores[name];
    const asked =
      this.#asked.get(name) ?? this.#breaker.ask(store, () => readOne(store, this.entity, this.key));
    this.#asked.set(name, asked);
    return await asked;
  }

  /** The same record, to be read once more. */
  again(): KeyReads {
    return new KeyReads(this.#stores, this.#breaker, this.entity, this.key);
  }
}
