import { randomUUID } from 'node:crypto';
import type { Stores } from '../../databases/contract/store.ts';
import type { StoredRecord } from '../../databases/contract/write.ts';
import { type Key, keyText } from '../../model/canonical.ts';
import type { Ack, Entity, Pattern } from '../../model/entity.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { entityOf } from '../../model/field.ts';
import type { Migration } from '../../model/migration.ts';
import type { Operation } from '../../model/operation.ts';
import { type DurableState, flagsApplyIn, otherStore, routes } from '../../model/phase.ts';
import { withinLimit } from '../../model/time-limit.ts';
import { type HybridClock, isNewer } from '../../model/version.ts';
import type { Flags } from './flags.ts';
import { type KeyOf, keyFrom, type Patch } from './key-input.ts';
import { KeyReads } from './key-reads.ts';
import type { Lag } from './lag.ts';
import { Operations } from './operations.ts';
import type { ReportedCounts } from './read-counts.ts';
import { type Receipt, receiptOf } from './receipt.ts';
import type { RouteCache } from './route-cache.ts';
import type { Shadow } from './shadow.ts';
import { writeInput } from './start-write.ts';
import { lateRead, type StoreBreaker } from './store-breaker.ts';
import { type Token, tokenOf, versionOf } from './token.ts';
import type { Transactions } from './transaction.ts';
import type { WriteOptions } from './write-options.ts';
import type { Writes } from './writes.ts';

export interface ReadOptions {
  /** Never answer with less than the version of this token. */
  readonly atLeast?: Token;
  /**
   * Read both stores, answer from the routed one, and count whether they agree. Where they do not, they are looked at again later,
   * and counted then. @default false, but for the share `reads.shadowShare`, which is read after the answer
   */
  readonly shadow?: boolean;
}

/** A record as it was read. */
export interface Read<E> {
  readonly value: E;
  /** Pass it as `ifUnchangedSince` to write only if nobody has written meanwhile. Also of a record that was there before Lockstep. */
  readonly token: Token;
}

/** A record, and the store that it was read from. */
interface Stored {
  readonly record: StoredRecord;
  readonly from: StoreName;
}

export interface RepositoryParts {
  readonly stores: Stores;
  readonly routes: RouteCache;
  readonly flags: Flags;
  readonly clock: HybridClock;
  readonly shadow: Shadow;
  readonly counted: ReportedCounts;
  readonly lag: Lag;
  readonly breaker: StoreBreaker;
  readonly readTimeoutMs: number;
  readonly migration: Migration;
  readonly writes: Writes;
  readonly transactions: Transactions;
}

/**
 * The records of one entity, wherever they are at the moment. `E` is their type, `K` the name of the key's field or a list of
 * names, `A` the entity's acknowledgement.
 *
 * Every write throws a `LockstepError`. Before anything starts: `InvalidEntity`, `InvalidKey`, `InvalidToken`, `InvalidOperationId`,
 * `TooLarge`, `TemporalUnavailable`, `Overloaded`. Where it has no effect: `StoreRefused`, `StoreUnavailable`, `NotPrepared`, `Aborted`; with the
 * patterns `parallel` and `transactional` also `Compensated`, and `CompensationFailed` where the stores differ now. With
 * `ack: 'both'`: `Parked`. `OutcomeUnknown` where no answer came in time: send it again under the same operation id.
 */
export class Repository<E, K, A extends Ack = 'primary'> {
  readonly #entity: Entity<E, K, Pattern, A>;
  readonly #parts: RepositoryParts;
  readonly #operations: Operations;

  constructor(entity: Entity<E, K, Pattern, A>, parts: RepositoryParts) {
    this.#entity = entity;
    this.#parts = parts;
    this.#operations = new Operations(entity, parts.clock);
  }

  /**
   * Makes a record.
   *
   * @throws LockstepError `AlreadyExists` where the key is taken, and what every write throws.
   * @example const { token } = await accounts.create({ id, email, plan: 'free', balance: '0.00' });
   */
  async create<const B extends Ack = A>(value: E, options: WriteOptions<B> = {}): Promise<Receipt<B>> {
    return await this.#write(await this.#operations.whole('create', value, idOf(options), options), options);
  }

  /**
   * Puts the whole record, whether or not there was one.
   *
   * @throws LockstepError `VersionConflict` with `ifUnchangedSince`, and what every write throws.
   * @example await accounts.replace({ id, email, plan: 'pro', balance: '0.00' });
   */
  async replace<const B extends Ack = A>(value: E, options: WriteOptions<B> = {}): Promise<Receipt<B>> {
    return await this.#write(await this.#operations.whole('replace', value, idOf(options), options), options);
  }

  /**
   * Changes the given fields and keeps the others.
   *
   * @param key the value of a key of one field, an object of a composite one
   * @throws LockstepError `NotFound` where there is no record, `VersionConflict` with `ifUnchangedSince`, and what every write throws.
   * @example await accounts.update(id, { plan: 'pro' }, { ifUnchangedSince: token });
   */
  async update<const B extends Ack = A>(
    key: KeyOf<E, K>,
    patch: Patch<E, K>,
    options: WriteOptions<B> = {},
  ): Promise<Receipt<B>> {
    return await this.#write(this.#operations.update(key, patch, idOf(options), options), options);
  }

  /**
   * Deletes the record.
   *
   * @throws LockstepError `NotFound` where there is none, `VersionConflict` with `ifUnchangedSince`, and what every write throws.
   * @example await slots.delete({ room: 'a', day: '2030-01-31' });
   */
  async delete<const B extends Ack = A>(
    key: KeyOf<E, K>,
    options: WriteOptions<B> = {},
  ): Promise<Receipt<B>> {
    return await this.#write(this.#operations.delete(key, idOf(options), options), options);
  }

  /**
   * The record with the token of its version, or null where there is none.
   *
   * @throws LockstepError `StaleRead` where no store that answers has the version of `atLeast`; `StoreUnavailable`, also where
   *   none answered within `readTimeoutMs`; `InvalidKey` where the key is none; `InvalidToken`; `InvalidEntity` where the store holds a row that no field can hold.
   * @example const read = await accounts.get(id, { atLeast: token }); // { value, token } | null
   */
  async get(key: KeyOf<E, K>, options: ReadOptions = {}): Promise<Read<E> | null> {
    const keyParts = keyFrom(this.#entity, key);
    const state = await this.#currentRoute();
    const routed = await this.#readStore(keyParts, state);
    const { primary } = routes[state.phase];
    const { stores, breaker, shadow } = this.#parts;
    const reads = new KeyReads(stores, breaker, this.#entity, keyParts);
    const stored = await this.#readRouted(routed, reads, state);
    if (options.shadow) await shadow.compare(reads, stored.from, state);
    else if (shadow.isSampled(state)) shadow.compareLater(reads, stored.from, state);
    if (options.atLeast === undefined) return this.#found(stored, state);
    const wanted = versionOf(options.atLeast);
    if (!isNewer(wanted, stored.record.version)) return this.#found(stored, state);
    for (const store of [primary, otherStore(primary)]) {
      if (store === stored.from) continue;
      const other = await reads.from(store).catch(() => null);
      if (other && !other.undecided && !isNewer(wanted, other.version))
        return this.#found({ record: other, from: store }, state);
    }
    throw new LockstepError(
      'StaleRead',
      `${this.#entity.name}: no store that answers has version ${wanted} yet, ${stored.from} has ${stored.record.version}; read again`,
      { entity: this.#entity.name, version: stored.record.version, store: stored.from },
    );
  }

  async #write<B extends Ack>(operation: Operation, options: WriteOptions<B>): Promise<Receipt<B>> {
    const given = { ack: options.ack ?? this.#entity.ack, timeoutMs: options.timeoutMs ?? null };
    if (this.#entity.pattern === 'transactional') {
      const { versions } = await this.#parts.transactions.only(operation, given);
      return receiptOf(operation.id, versions?.[0] ?? null);
    }
    const state = await this.#parts.routes.current();
    const dualWrite =
      this.#entity.pattern !== 'flag-controlled' ||
      !flagsApplyIn(state.phase) ||
      (await this.#parts.flags.writesModern(this.#entity.name, keyText(operation.key), state));
    const what = { entity: this.#entity, operation, state };
    const input = writeInput(this.#parts.migration, what, { ack: given.ack, dualWrite });
    const receipt = await this.#parts.writes.write(input, this.#entity.entry, given.timeoutMs);
    return receiptOf(receipt.operationId, receipt.version);
  }

  async #readStore(key: Key, state: DurableState): Promise<StoreName> {
    const { reads } = routes[state.phase];
    if (reads !== 'share') return reads;
    const modern = await this.#parts.flags.readsModern(this.#entity.name, keyText(key), state);
    return modern ? 'modern' : 'legacy';
  }

  /** No longer than a read waits for a store. */
  async #currentRoute(): Promise<DurableState> {
    const { routes: known, readTimeoutMs } = this.#parts;
    return await withinLimit(known.current(), readTimeoutMs, () => lateRead('both stores', readTimeoutMs));
  }

  /**
   * The routed store answers. The primary does where that fails or is late, where it has lacked a write of the record for too long,
   * and where what it has is not decided yet.
   */
  async #readRouted(routed: StoreName, reads: KeyReads, state: DurableState): Promise<Stored> {
    const { primary } = routes[state.phase];
    if (routed === primary) return { record: await reads.from(primary), from: primary };
    const [read, isLate] = await Promise.all([
      reads.from(routed).catch(() => null),
      this.#parts.lag.isLate(primary, this.#entity.name, reads.key),
    ]);
    if (read && !isLate && !read.undecided) return { record: read, from: routed };
    try {
      const record = await reads.from(primary);
      this.#parts.counted.read(read === null ? 'fellBack' : isLate ? 'lagged' : 'undecided', state);
      return { record, from: primary };
    } catch (error) {
      // Late is better than nothing; undecided may never have been.
      if (read === null || read.undecided) throw error;
      return { record: read, from: routed };
    }
  }

  #found({ record: stored, from: store }: Stored, state: DurableState): Read<E> | null {
    this.#parts.counted.read(store, state);
    if (stored.unreadable !== null) {
      throw new LockstepError(
        'InvalidEntity',
        `the ${store} store holds a row that is no ${this.#entity.name}: ${stored.unreadable}`,
        {
          entity: this.#entity.name,
          store,
        },
      );
    }
    if (stored.image === null) return null;
    // What a store gives has the form of the fields, whose types the schema has.
    const value = entityOf(this.#entity.fields, stored.image) as E;
    return { value, token: tokenOf(stored.version) };
  }
}

function idOf({ operationId }: WriteOptions): string {
  return operationId ?? randomUUID();
}

/** The repository of a declared entity: `RepositoryOf<typeof account>`. */
export type RepositoryOf<T extends Entity> =
  T extends Entity<infer E, infer K, Pattern, infer A> ? Repository<E, K, A> : never;
