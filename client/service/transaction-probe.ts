import type { Store, Stores } from '../../databases/contract/store.ts';
import { LockstepError } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';

/** Asks both stores once whether they can keep prepared transactions. */
export class TransactionProbe {
  readonly #stores: Stores;
  #isAvailable = false;

  constructor(stores: Stores) {
    this.#stores = stores;
  }

  /** Throws `NotPrepared` with the remedy. A store that is unavailable is asked again at the next transaction. */
  async check(): Promise<void> {
    if (this.#isAvailable) return;
    try {
      for (const store of [this.#stores.legacy, this.#stores.modern])
        await assertTransactionsAvailable(store);
    } catch (error) {
      if (isLockstepError(error, 'StoreUnavailable')) return;
      throw error;
    }
    this.#isAvailable = true;
  }
}

async function assertTransactionsAvailable(store: Store): Promise<void> {
  const unavailableReason = await store.preparedTransactionsUnavailableReason();
  if (unavailableReason === null) return;
  throw new LockstepError(
    'NotPrepared',
    `the ${store.name} store (${store.address}) cannot take part in transactions over both stores: ${unavailableReason}`,
    { store: store.name, reason: unavailableReason, remedy: 'lockstep doctor' },
  );
}
