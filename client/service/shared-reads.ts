import type { Store, Stores } from '../../databases/contract/store.ts';
import { keysPerRead } from '../../databases/contract/values.ts';
import { withCalls } from '../../databases/contract/with-calls.ts';
import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { Migration } from '../../model/migration.ts';

/** What reads the records of a list of keys, in their order, each with what is wrong with it alone. */
type ReadList<Answer> = (entity: Entity, keys: readonly Key[]) => Promise<Answer[]>;

interface Waiting<Answer> {
  readonly key: Key;
  readonly answer: PromiseWithResolvers<Answer>;
}

/**
 * Reads of one key at a time. Those that would have to wait for a connection share the next statement that has one: nobody waits for
 * others to come.
 */
export class SharedReads<Answer> {
  readonly #places: number;
  readonly #read: ReadList<Answer>;
  #inFlight = 0;
  /** In the order in which the first of each entity came. */
  readonly #waiting = new Map<Entity, Waiting<Answer>[]>();

  /** @param places how many statements are in flight at most: as many as there are connections */
  constructor(places: number, read: ReadList<Answer>) {
    this.#places = places;
    this.#read = read;
  }

  /** A list has a statement of its own; one key is read as `one` does. */
  async list(entity: Entity, keys: readonly Key[]): Promise<Answer[]> {
    const [only] = keys;
    return only && keys.length === 1 ? [await this.one(entity, only)] : await this.#read(entity, keys);
  }

  one(entity: Entity, key: Key): Promise<Answer> {
    if (this.#inFlight < this.#places) {
      this.#inFlight += 1;
      return this.#alone(entity, key);
    }
    const answer = Promise.withResolvers<Answer>();
    const others = this.#waiting.get(entity);
    if (others) others.push({ key, answer });
    else this.#waiting.set(entity, [{ key, answer }]);
    return answer.promise;
  }

  async #alone(entity: Entity, key: Key): Promise<Answer> {
    try {
      return answerAt(await this.#read(entity, [key]), 0);
    } finally {
      this.#leave();
    }
  }

  /** The next statement takes the place; it is given up where nobody waits. */
  #leave(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#inFlight -= 1;
      return;
    }
    const [entity, waiting] = next;
    const taken = waiting.splice(0, keysPerRead);
    // What is left goes behind the others.
    this.#waiting.delete(entity);
    if (waiting.length > 0) this.#waiting.set(entity, waiting);
    this.#together(entity, taken).finally(() => this.#leave());
  }

  /** Never throws: each read has its own answer. */
  async #together(entity: Entity, taken: readonly Waiting<Answer>[]): Promise<void> {
    try {
      const answers = await this.#read(
        entity,
        taken.map(({ key }) => key),
      );
      for (const [at, { answer }] of taken.entries()) answer.resolve(answerAt(answers, at));
    } catch (error) {
      if (taken.length === 1 || isLockstepError(error, 'StoreUnavailable'))
        for (const { answer } of taken) answer.reject(error);
      // What the store refuses of one key says nothing of the others.
      else for (const one of taken) await this.#together(entity, [one]);
    }
  }
}

function answerAt<Answer>(answers: readonly Answer[], at: number): Answer {
  const answer = answers[at];
  if (answer === undefined) throw new TypeError('a read gave no answer for its key');
  return answer;
}

/** Stores whose reads of one key share statements where many come at a time. */
export function withSharedReads(stores: Stores, migration: Migration): Stores {
  return { legacy: sharing(stores.legacy, migration), modern: sharing(stores.modern, migration) };
}

function sharing(store: Store, migration: Migration): Store {
  const { poolSize } = migration.stores[store.name];
  const values = new SharedReads(poolSize, (entity, keys) => store.values(entity, keys));
  const records = new SharedReads(poolSize, (entity, keys) => store.read(entity, keys));
  return withCalls(store, {
    values: (entity, keys) => values.list(entity, keys),
    read: (entity, keys) => records.list(entity, keys),
  });
}
