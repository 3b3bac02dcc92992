import { randomBytes } from 'node:crypto';
import type { Store, Stores } from '../../databases/contract/store.ts';
import {
  maxTouchedKeys,
  type TouchAnswer,
  type TouchRefusal,
  type TouchRequest,
  touchAnswerIn,
} from '../../databases/contract/touch.ts';
import { compareText, type Key, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { type KeyOf, keyFrom } from '../../model/key-input.ts';
import type { Migration } from '../../model/migration.ts';
import { type DurableState, otherStore, routes } from '../../model/phase.ts';
import { type Token, tokenOf } from '../../model/token.ts';
import type { HybridClock } from '../../model/version.ts';
import { type CallerTransaction, type OpenTransaction, openTransaction } from './caller-transaction.ts';
import { declaredEntity } from './given.ts';
import type { OwedBound } from './owed-bound.ts';
import type { OwedSweep } from './owed-sweep.ts';
import { type RouteCache, reopenPollMs } from './route-cache.ts';
import type { SoundStores } from './sound-stores.ts';

/** What a touch has noted in the caller's transaction. */
export interface Touched<K> {
  /** Of all keys of the call, once the transaction commits: for reads that must see it. */
  readonly token: Token;
  /**
   * Keys that neither a row nor a record has yet: insert the row in this transaction. A key that has none at the commit counts as
   * deleted, in both stores.
   */
  readonly absent: readonly K[];
}

interface TouchParts {
  readonly migration: Migration;
  readonly stores: Stores;
  readonly routes: RouteCache;
  readonly clock: HybridClock;
  readonly sweep: OwedSweep;
  readonly sound: SoundStores;
  readonly owed: OwedBound;
}

/** Notes in a caller's own transaction which keys it writes. */
export class Touches {
  readonly #parts: TouchParts;
  /** Tells entries from those of other clocks: its own gives no version twice. For each touch anew, it would be most of a touch's own code. */
  readonly #clockId = randomBytes(6).toString('hex');

  constructor(parts: TouchParts) {
    this.#parts = parts;
  }

  async touch<E, K>(
    tx: CallerTransaction,
    entity: Entity<E, K>,
    input: KeyOf<E, K> | readonly KeyOf<E, K>[],
  ): Promise<Touched<KeyOf<E, K>>> {
    const { migration, clock, sweep, owed } = this.#parts;
    declaredEntity(migration, entity);
    const touched = inKeyOrder(entity, input);
    // No promise is made where nothing has to be waited for.
    const state = this.#parts.routes.fresh() ?? (await this.#parts.routes.current());
    const transaction = openTransaction(tx);
    const store = this.#storeOf(transaction, state);
    this.#parts.sound.assertSound(store.name, 'takes no writes');
    if (transaction.isOpen === false) throw notInTransaction(entity);
    const taking = owed.take(touched.length);
    if (taking) await taking;
    const version = clock.next();
    const request: TouchRequest = {
      keys: touched.map(({ key }) => key),
      version,
      // In the order of time, so that new entries lie side by side.
      id: `touch:${version}:${this.#clockId}`,
      fence: { migration: migration.name, epoch: state.epoch },
      mayBeSilent: transaction.tellsNoRows,
    };
    const building = store.touchStatement(entity, request);
    const statement = building instanceof Promise ? await building : building;
    let answer: TouchAnswer | null;
    try {
      if (transaction.isOpen === null && store.transactionProbe !== null)
        await transaction.probe(store.transactionProbe);
      answer = touchAnswerIn(await transaction.run(statement), request);
    } catch (error) {
      const refusal = store.touchRefusalOf(error);
      // Whatever else the database says is about the caller's transaction, and told as it would tell of his own statement.
      if (refusal === null) throw error;
      throw await this.#refused(refusal, entity, store, error);
    }
    if (answer === null) {
      throw new LockstepError(
        'InvalidTransaction',
        `${entity.name}: the transaction gave no result of the statement; return what the driver returns`,
        { entity: entity.name },
      );
    }
    sweep.request();
    const { absent } = answer;
    return {
      token: tokenOf(answer.version),
      absent: touched.filter((_, at) => absent[at]).map(({ given }) => given),
    };
  }

  /** The store that takes writes; waits while that is being changed. */
  async primary(): Promise<StoreName> {
    const { migration, routes: cache } = this.#parts;
    const until = performance.now() + migration.policy.callerTimeoutMs;
    for (;;) {
      const state = await cache.current();
      if (state.open) return routes[state.phase].primary;
      if (performance.now() >= until) {
        throw new LockstepError(
          'NotPrimary',
          `the primary of ${migration.name} has been changing for ${migration.policy.callerTimeoutMs} ms; see lockstep status`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, reopenPollMs));
      cache.forget();
    }
  }

  /** The transaction's own store, as far as its driver tells; what runs there says whether it is the primary. */
  #storeOf({ engine }: OpenTransaction, state: DurableState): Store {
    const { stores, migration } = this.#parts;
    const { primary } = routes[state.phase];
    for (const name of [primary, otherStore(primary)]) {
      if (engine === null || stores[name].engine === engine) return stores[name];
    }
    throw new LockstepError(
      'NotPrimary',
      `the transaction is in neither store of ${migration.name}: its driver speaks to ${engine}, the primary is ${stores[primary].engine}`,
      { store: primary },
    );
  }

  async #refused(
    refusal: TouchRefusal,
    entity: Entity,
    store: Store,
    cause: unknown,
  ): Promise<LockstepError> {
    const { migration } = this.#parts;
    const about = { entity: entity.name, store: store.name };
    this.#parts.routes.forget();
    switch (refusal) {
      case 'closed':
        return new LockstepError(
          'NotPrimary',
          `${entity.name}: the primary of ${migration.name} is being changed; roll back, and begin again where lockstep.primary() says`,
          about,
          { cause },
        );
      case 'changing':
        return new LockstepError(
          'NotPrimary',
          `${entity.name}: a change of the route of ${migration.name} waits for other transactions in the ${store.name} store; roll back, and begin again where lockstep.primary() says`,
          about,
          { cause },
        );
      case 'moved':
        return new LockstepError(
          'NotPrimary',
          `${entity.name}: the transaction is not in the primary of ${migration.name}; roll back, and begin again where lockstep.primary() says`,
          about,
          { cause },
        );
      case 'definition':
        return new LockstepError(
          'DefinitionChanged',
          `${entity.name}: the ${store.name} store is prepared for another definition of it; roll back, and try again, or restart with that definition`,
          { ...about, about: 'schema' },
          { cause },
        );
      case 'outside':
        return notInTransaction(entity, cause);
      case 'missing':
        // Also where the routine went with the definition that this service has: then it is told so.
        await store.assertDefinition();
        return new LockstepError(
          'NotPrepared',
          `${entity.name}: the transaction's database has no touch routine for it; run lockstep prepare, and check that this is a store of ${migration.name}`,
          { ...about, about: 'schema', remedy: 'lockstep prepare' },
          { cause },
        );
    }
  }
}

interface TouchedKey<K> {
  readonly key: Key;
  readonly given: K;
}

/** Each key once, in the order in which every list takes its locks. */
function inKeyOrder<E, K>(
  entity: Entity<E, K>,
  input: KeyOf<E, K> | readonly KeyOf<E, K>[],
): TouchedKey<KeyOf<E, K>>[] {
  if (!isList(input)) return [{ key: keyFrom(entity, input), given: input }];
  const byText = new Map<string, TouchedKey<KeyOf<E, K>>>();
  for (const given of input) {
    const key = keyFrom(entity, given);
    byText.set(keyText(key), { key, given });
  }
  if (byText.size === 0) {
    throw new LockstepError(
      'InvalidKey',
      `${entity.name}: a touch of no key; leave it out where nothing is written`,
      {
        entity: entity.name,
      },
    );
  }
  if (byText.size > maxTouchedKeys) {
    throw new LockstepError(
      'TooLarge',
      `${entity.name}: a touch of ${byText.size} keys, and one takes at most ${maxTouchedKeys}; touch them in several calls`,
      { entity: entity.name },
    );
  }
  return [...byText].sort(([left], [right]) => compareText(left, right)).map(([, touched]) => touched);
}

/** No key is a list: a composite one is an object. */
function isList<T>(input: T | readonly T[]): input is readonly T[] {
  return Array.isArray(input);
}

function notInTransaction(entity: Entity, cause?: unknown): LockstepError {
  return new LockstepError(
    'NotInTransaction',
    `${entity.name}: there is no transaction; begin one, and touch, write and commit on its connection`,
    { entity: entity.name },
    { cause },
  );
}
