import type { Store, Stores } from '../../databases/contract/store.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';

/** Asks both stores, once for each entity, whether they can keep prepared transactions of it. */
export class TransactionProbe {
  readonly #stores: Stores;
  readonly #available = new Set<string>();

  constructor(stores: Stores) {
    this.#stores = stores;
  }

  /** Throws `NotPrepared` with the remedy. A store that is unavailable is asked again at the next transaction. */
  async check(entities: readonly Entity[]): Promise<void> {
    const unknown = entities.filter((entity) => !this.#available.has(entity.name));
    if (unknown.length === 0) return;
    try {
      for (const store of [this.#stores.legacy, this.#stores.modern])
        await assertTransactionsAvailable(store, unknown);
    } catch (error) {
      if (isLockstepError(error, 'StoreUnavailable')) return;
      throw error;
    }
    for (const entity of unknown) this.#available.add(entity.name);
  }
}

async function assertTransactionsAvailable(store: Store, entities: readonly Entity[]): Promise<void> {
  const unavailableReason = await store.preparedTransactionsUnavailableReason(entities);
  if (unavailableReason === null) return;
  throw new LockstepError(
    'NotPrepared',
    `the ${store.name} store (${store.address}) cannot take part in transactions over both stores: ${unavailableReason}`,
    { store: store.name, reason: unavailableReason, remedy: 'lockstep doctor' },
  );
}
