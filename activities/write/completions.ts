import type { Store } from '../../databases/contract/store.ts';
import type { StoreName } from '../../model/failure.ts';

type Journals = Readonly<Record<StoreName, Pick<Store, 'setOperationStatus'>>>;

interface Batch {
  readonly ids: string[];
  readonly done: Promise<void>;
}

/**
 * Notes in the journals that operations are in both stores. While a statement is under way in a journal, the next operations
 * gather for the one after it, so that their number does not grow with that of the writes. Nobody waits for others to come.
 */
export class Completions {
  readonly #journals: Journals;
  readonly #running: Partial<Record<StoreName, Promise<void>>> = {};
  readonly #gathering: Partial<Record<StoreName, Batch>> = {};

  constructor(journals: Journals) {
    this.#journals = journals;
  }

  /** Resolves when the journal says so; throws as `setOperationStatus` does, for all that share a statement. */
  complete(store: StoreName, ids: readonly string[]): Promise<void> {
    const gathering = this.#gathering[store];
    if (gathering) {
      gathering.ids.push(...ids);
      return gathering.done;
    }
    const batch = [...ids];
    const done = this.#after(this.#running[store], store, batch);
    if (this.#running[store]) this.#gathering[store] = { ids: batch, done };
    this.#running[store] = done;
    return done;
  }

  async #after(before: Promise<void> | undefined, store: StoreName, ids: readonly string[]): Promise<void> {
    // Its failure is for those that shared it.
    await before?.catch(() => undefined);
    if (this.#gathering[store]?.ids === ids) delete this.#gathering[store];
    const done = this.#journals[store].setOperationStatus(ids, 'completed');
    try {
      await done;
    } finally {
      if (!this.#gathering[store]) delete this.#running[store];
    }
  }
}
