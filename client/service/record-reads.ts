import type { Stores } from '../../databases/contract/store.ts';
import type { FoundValue } from '../../databases/contract/values.ts';
import type { StoredRecord } from '../../databases/contract/write.ts';
import { type Key, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { entityOf } from '../../model/field.ts';
import { type DurableState, otherStore, routes } from '../../model/phase.ts';
import { isNewer, type Version } from '../../model/version.ts';
import type { Flags } from './flags.ts';
import { KeyReads } from './key-reads.ts';
import type { Lag } from './lag.ts';
import type { ReportedCounts } from './read-counts.ts';
import type { RouteCache } from './route-cache.ts';
import type { Shadow } from './shadow.ts';
import type { StoreBreaker } from './store-breaker.ts';

export interface ReadParts {
  readonly stores: Stores;
  readonly routes: RouteCache;
  readonly flags: Flags;
  readonly shadow: Shadow;
  readonly counted: ReportedCounts;
  readonly lag: Lag;
  readonly breaker: StoreBreaker;
  readonly readTimeoutMs: number;
}

/** What a read asks for. */
export interface Wanted {
  readonly atLeast: Version | null;
  readonly shadow: boolean;
  readonly version: boolean;
}

/** A record as a program sees it; its version where that was asked for. */
export interface Found {
  readonly value: Readonly<Record<string, unknown>>;
  readonly version: Version | null;
}

/** What a store answers: a value alone, or with the record that Lockstep keeps. */
type Answer = FoundValue | StoredRecord;

interface Answered<A extends Answer> {
  readonly answer: A;
  readonly from: StoreName;
}

/** Reads records of one entity from the store that they are in now. */
export class RecordReads {
  readonly #entity: Entity;
  readonly #parts: ReadParts;

  constructor(entity: Entity, parts: ReadParts) {
    this.#entity = entity;
    this.#parts = parts;
  }

  async one(key: Key, wanted: Wanted): Promise<Found | null> {
    const state = await this.#parts.routes.within(this.#parts.readTimeoutMs);
    const routed = await this.routedStore(key, state);
    const { shadow } = this.#parts;
    const isSampled = !wanted.shadow && shadow.isSampled(state);
    if (wanted.shadow || isSampled || wanted.atLeast !== null || this.#needsRecords(routed, state, wanted))
      return await this.#oneRecord(key, routed, state, wanted, isSampled);
    const reads = { from: async (store: StoreName) => (await this.#read(store, [key], false))[0] ?? nothing };
    return this.#found(await this.#readRouted(routed, reads, key, state), state, wanted);
  }

  /** One statement at each store, for up to 500 keys, and one more at the primary for what the other does not have. */
  async many(keys: readonly Key[], wanted: Wanted): Promise<(Found | null)[]> {
    const state = await this.#parts.routes.within(this.#parts.readTimeoutMs);
    const { shadow, stores, breaker } = this.#parts;
    const routed = await Promise.all(keys.map((key) => this.routedStore(key, state)));
    const answers = await Promise.all(
      (['legacy', 'modern'] as const).map((store) =>
        this.#readManyRouted(
          store,
          keys.filter((_, at) => routed[at] === store),
          state,
          wanted,
        ),
      ),
    );
    const [legacy = [], modern = []] = answers;
    const next = { legacy: legacy.values(), modern: modern.values() };
    return keys.map((key, at) => {
      const from = routed[at] ?? routes[state.phase].primary;
      const answered = next[from].next().value;
      if (!answered) throw new TypeError('a read gave no answer for its key');
      if (shadow.isSampled(state))
        shadow.compareLater(new KeyReads(stores, breaker, this.#entity, key), answered.from, state);
      return this.#found(answered, state, wanted);
    });
  }

  /**
   * Where a statement of the caller's own reads now. No store is asked, so where a version is wanted it is the primary, which has
   * every version that was acknowledged.
   *
   * @param key null where the statement is about no single record
   */
  async place(key: Key | null, atLeast: Version | null): Promise<StoreName> {
    const state = await this.#parts.routes.within(this.#parts.readTimeoutMs);
    const { primary } = routes[state.phase];
    const routed = key === null ? storeOfAll(state) : await this.routedStore(key, state);
    if (routed === primary) return primary;
    const { breaker, lag } = this.#parts;
    if (atLeast !== null || breaker.isLeftAlone(routed)) return primary;
    const isLate =
      key === null ? await lag.isAllLate(primary) : await lag.isLate(primary, this.#entity.name, key);
    return isLate ? primary : routed;
  }

  async routedStore(key: Key, state: DurableState): Promise<StoreName> {
    const { reads } = routes[state.phase];
    if (reads !== 'share') return reads;
    const modern = await this.#parts.flags.readsModern(this.#entity.name, keyText(key), state);
    return modern ? 'modern' : 'legacy';
  }

  async #oneRecord(
    key: Key,
    routed: StoreName,
    state: DurableState,
    wanted: Wanted,
    isSampled: boolean,
  ): Promise<Found | null> {
    const { primary } = routes[state.phase];
    const { stores, breaker, shadow } = this.#parts;
    const reads = new KeyReads(stores, breaker, this.#entity, key);
    const stored = await this.#readRouted(routed, reads, key, state);
    if (wanted.shadow) await shadow.compare(reads, stored.from, state);
    else if (isSampled) shadow.compareLater(reads, stored.from, state);
    if (wanted.atLeast === null || !isNewer(wanted.atLeast, stored.answer.version))
      return this.#found(stored, state, wanted);
    for (const store of [primary, otherStore(primary)]) {
      if (store === stored.from) continue;
      const other = await reads.from(store).catch(() => null);
      if (other && !other.undecided && !isNewer(wanted.atLeast, other.version))
        return this.#found({ answer: other, from: store }, state, wanted);
    }
    throw new LockstepError(
      'StaleRead',
      `${this.#entity.name}: no store that answers has version ${wanted.atLeast} yet, ${stored.from} has ${stored.answer.version}; read again`,
      { entity: this.#entity.name, version: stored.answer.version, store: stored.from },
    );
  }

  /** Of the pattern `parallel`, only the records tell what a secondary has taken before the primary decided. */
  #needsRecords(store: StoreName, { phase }: DurableState, { version }: Wanted): boolean {
    return version || (this.#entity.pattern === 'parallel' && store !== routes[phase].primary);
  }

  async #read(name: StoreName, keys: readonly Key[], records: boolean): Promise<readonly Answer[]> {
    const store = this.#parts.stores[name];
    return await this.#parts.breaker.ask(
      store,
      async (): Promise<readonly Answer[]> =>
        records ? await store.read(this.#entity, keys) : await store.values(this.#entity, keys),
    );
  }

  /**
   * The routed store answers. The primary does where that fails or is late, where it has lacked a write of the record for too long,
   * and where what it has is not decided yet.
   */
  async #readRouted<A extends Answer>(
    routed: StoreName,
    reads: { from(store: StoreName): Promise<A> },
    key: Key,
    state: DurableState,
  ): Promise<Answered<A>> {
    const { primary } = routes[state.phase];
    if (routed === primary) return { answer: await reads.from(primary), from: primary };
    const [read, isLate] = await Promise.all([
      reads.from(routed).catch(() => null),
      this.#parts.lag.isLate(primary, this.#entity.name, key),
    ]);
    if (read && !isLate && !isUndecided(read)) return { answer: read, from: routed };
    try {
      const answer = await reads.from(primary);
      this.#parts.counted.read(read === null ? 'fellBack' : isLate ? 'lagged' : 'undecided', state);
      return { answer, from: primary };
    } catch (error) {
      // Late is better than nothing; undecided may never have been.
      if (read === null || isUndecided(read)) throw error;
      return { answer: read, from: routed };
    }
  }

  /** As `#readRouted`, for all keys that are routed to one store. */
  async #readManyRouted(
    routed: StoreName,
    keys: readonly Key[],
    state: DurableState,
    wanted: Wanted,
  ): Promise<readonly Answered<Answer>[]> {
    if (keys.length === 0) return [];
    const { primary } = routes[state.phase];
    const { lag, counted } = this.#parts;
    const read = () => this.#read(routed, keys, this.#needsRecords(routed, state, wanted));
    if (routed === primary) return (await read()).map((answer) => ({ answer, from: primary }));
    const [answers, late] = await Promise.all([
      read().catch(() => null),
      Promise.all(keys.map((key) => lag.isLate(primary, this.#entity.name, key))),
    ]);
    const reasons = keys.map((_, at) => {
      const answer = answers?.[at];
      if (!answer) return 'fellBack';
      return late[at] ? 'lagged' : isUndecided(answer) ? 'undecided' : null;
    });
    const again = keys.filter((_, at) => reasons[at] !== null);
    const mended = await this.#readAgain(
      again,
      state,
      wanted,
      reasons.includes('fellBack') || reasons.includes('undecided'),
    );
    const next = mended?.values();
    return keys.map((_, at) => {
      const reason = reasons[at] ?? null;
      const other = reason === null ? undefined : next?.next().value;
      if (reason !== null && other) {
        counted.read(reason, state);
        return { answer: other, from: primary };
      }
      return { answer: answers?.[at] ?? nothing, from: routed };
    });
  }

  /** What the primary has of these keys; null where it does not answer, and late answers will do. */
  async #readAgain(
    keys: readonly Key[],
    state: DurableState,
    wanted: Wanted,
    isNeeded: boolean,
  ): Promise<readonly Answer[] | null> {
    if (keys.length === 0) return [];
    try {
      return await this.#read(routes[state.phase].primary, keys, wanted.version);
    } catch (error) {
      if (isNeeded) throw error;
      return null;
    }
  }

  #found({ answer, from: store }: Answered<Answer>, state: DurableState, wanted: Wanted): Found | null {
    this.#parts.counted.read(store, state);
    if (answer.unreadable !== null) {
      throw new LockstepError(
        'InvalidEntity',
        `the ${store} store holds a row that is no ${this.#entity.name}: ${answer.unreadable}`,
        {
          entity: this.#entity.name,
          store,
        },
      );
    }
    if ('value' in answer) return answer.value === null ? null : { value: answer.value, version: null };
    if (answer.image === null) return null;
    return {
      value: entityOf(this.#entity.fields, answer.image),
      version: wanted.version ? answer.version : null,
    };
  }
}

/** A share says nothing of reads over many records: they stay until modern answers all. */
function storeOfAll({ phase, readPercent }: DurableState): StoreName {
  const { reads } = routes[phase];
  if (reads !== 'share') return reads;
  return readPercent === 100 ? 'modern' : 'legacy';
}

const nothing: FoundValue = { value: null, unreadable: null };

function isUndecided(answer: Answer): boolean {
  return 'undecided' in answer && answer.undecided;
}
