import { randomUUID } from 'node:crypto';
import { keyText } from '../../model/canonical.ts';
import type { Ack, Entity, Pattern } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { type KeyOf, keyFrom, type Patch } from '../../model/key-input.ts';
import type { Migration } from '../../model/migration.ts';
import type { Operation } from '../../model/operation.ts';
import { Operations } from '../../model/operations.ts';
import { flagsApplyIn } from '../../model/phase.ts';
import { type Token, tokenOf, versionOf } from '../../model/token.ts';
import type { HybridClock } from '../../model/version.ts';
import { writeInput } from '../../model/workflow-inputs.ts';
import { askBefore } from './before-start.ts';
import { assertFlag, assertGiven } from './given.ts';
import type { PlaceOptions, ReadPlace } from './read-place.ts';
import { type Receipt, receiptOf } from './receipt.ts';
import { type Found, type ReadParts, RecordReads, type Wanted } from './record-reads.ts';
import type { Transactions } from './transaction.ts';
import { answerWanted, type WriteOptions } from './write-options.ts';
import type { Writes } from './writes.ts';

export interface ReadOptions {
  /** Never answer with less than the version of this token. */
  readonly atLeast?: Token;
  /**
   * Read both stores, answer from the routed one, and count whether they agree. Where they do not, they are looked at again later,
   * and counted then. @default false, but for the share `reads.shadowShare`, which is read after the answer
   */
  readonly shadow?: boolean;
  /** Read the version too, which is another look-up, and give its token. @default false */
  readonly withToken?: boolean;
}

/** What can be asked of a read of many records. */
export type ManyReadOptions = Pick<ReadOptions, 'withToken'>;

/** A record as it was read. */
export interface Read<E> {
  readonly value: E;
}

/** A record as it was read, with its version. */
export interface TokenRead<E> extends Read<E> {
  /** Pass it as `ifUnchangedSince` to write only if nobody has written meanwhile. Also of a record that was there before Lockstep. */
  readonly token: Token;
}

export interface RepositoryParts extends ReadParts {
  readonly clock: HybridClock;
  readonly migration: Migration;
  readonly writes: Writes;
  readonly transactions: Transactions;
}

/**
 * The records of one entity, wherever they are at the moment. `E` is their type, `K` the name of the key's field or a list of
 * names, `A` the entity's acknowledgement.
 *
 * Every write throws a `LockstepError`. Before anything starts: `InvalidEntity`, `InvalidKey`, `InvalidToken`, `InvalidOperationId`,
 * `InvalidInput`, `TooLarge`, `TemporalUnavailable`, `Overloaded`. Where it has no effect: `StoreRefused`, `LossyShape`, `StoreUnavailable`, `NotPrepared`,
 * `Aborted`; with the patterns `parallel` and `transactional` also `Compensated`, and `CompensationFailed` where the stores differ
 * now. With `ack: 'both'`: `Parked`. `OutcomeUnknown` where no answer came in time: send it again under the same operation id.
 */
export class Repository<E, K, A extends Ack = 'primary'> {
  readonly #entity: Entity<E, K, Pattern, A>;
  readonly #parts: RepositoryParts;
  readonly #operations: Operations;
  readonly #reads: RecordReads;

  constructor(entity: Entity<E, K, Pattern, A>, parts: RepositoryParts) {
    this.#entity = entity;
    this.#parts = parts;
    this.#operations = new Operations(entity, parts.clock);
    this.#reads = new RecordReads(entity, parts);
  }

  /**
   * Makes a record.
   *
   * @throws LockstepError `AlreadyExists` where the key is taken, and what every write throws.
   * @example const { token } = await accounts.create({ id, email, plan: 'free', balance: '0.00' });
   */
  async create<const B extends Ack = A>(value: E, options: WriteOptions<B> = nothing): Promise<Receipt<B>> {
    return await this.#write(await this.#operations.whole('create', value, idOf(options), options), options);
  }

  /**
   * Puts the whole record, whether or not there was one.
   *
   * @throws LockstepError `VersionConflict` with `ifUnchangedSince`, and what every write throws.
   * @example await accounts.replace({ id, email, plan: 'pro', balance: '0.00' });
   */
  async replace<const B extends Ack = A>(value: E, options: WriteOptions<B> = nothing): Promise<Receipt<B>> {
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
    options: WriteOptions<B> = nothing,
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
    options: WriteOptions<B> = nothing,
  ): Promise<Receipt<B>> {
    return await this.#write(this.#operations.delete(key, idOf(options), options), options);
  }

  /**
   * The record, or null where there is none.
   *
   * @throws LockstepError `StaleRead` where no store that answers has the version of `atLeast`; `StoreUnavailable`, also where
   *   none answered within `readTimeoutMs`; `InvalidKey` where the key is none; `InvalidToken`; `InvalidEntity` where the store holds a row that no field can hold.
   * @example const read = await accounts.get(id, { atLeast: token }); // { value } | null
   * @example const read = await accounts.get(id, { withToken: true }); // { value, token } | null
   */
  get(key: KeyOf<E, K>, options: ReadOptions & { readonly withToken: true }): Promise<TokenRead<E> | null>;
  get(key: KeyOf<E, K>, options?: ReadOptions): Promise<Read<E> | null>;
  async get(key: KeyOf<E, K>, options: ReadOptions = nothing): Promise<Read<E> | null> {
    return readOf(await this.#reads.one(keyFrom(this.#entity, key), wantedBy(options, 'get', readOptions)));
  }

  /**
   * The records of many keys, in the order of the keys, null where there is none. Each store is asked once for those keys that are
   * read from it now, in statements of at most 500 keys; what modern does not have yet is asked of the primary.
   *
   * @throws LockstepError what `get` throws, where it is so for one of the keys
   * @example const [first, second] = await accounts.getMany([1, 2]);
   */
  getMany(
    keys: readonly KeyOf<E, K>[],
    options: ManyReadOptions & { readonly withToken: true },
  ): Promise<(TokenRead<E> | null)[]>;
  getMany(keys: readonly KeyOf<E, K>[], options?: ManyReadOptions): Promise<(Read<E> | null)[]>;
  async getMany(
    keys: readonly KeyOf<E, K>[],
    options: ManyReadOptions = nothing,
  ): Promise<(Read<E> | null)[]> {
    if (!Array.isArray(keys))
      throw new LockstepError(
        'InvalidKey',
        `what was given is no list of keys of ${this.#entity.name}; pass one`,
      );
    const found = await this.#reads.many(
      keys.map((key) => keyFrom(this.#entity, key)),
      wantedBy(options, 'getMany', manyReadOptions),
    );
    return found.map((one) => readOf<E>(one));
  }

  /** See `Lockstep.readsFrom`. */
  async readsFrom(key?: KeyOf<E, K>, options: PlaceOptions = nothing): Promise<ReadPlace> {
    if (options !== nothing) assertGiven('readsFrom', options, placeOptions);
    const { atLeast } = options;
    const keyParts = key === undefined ? null : keyFrom(this.#entity, key);
    const name = await this.#reads.place(keyParts, atLeast === undefined ? null : versionOf(atLeast));
    const store = this.#parts.stores[name];
    return {
      store: name,
      engine: store.engine,
      // What a row of the caller's own statement has, the caller knows.
      query: async <R>(sql: string, parameters: readonly unknown[] = []) =>
        (await store.queryReadOnly(sql, parameters)) as R[],
    };
  }

  async #write<B extends Ack>(operation: Operation, options: WriteOptions<B>): Promise<Receipt<B>> {
    const isNamed = options.operationId !== undefined;
    const given = answerWanted(options, this.#entity.ack);
    if (this.#entity.pattern === 'transactional') {
      const { versions } = await this.#parts.transactions.only(operation, { ...given, isNamed });
      return receiptOf(operation.id, versions?.[0] ?? null);
    }
    const about = { entity: this.#entity.name, operationId: operation.id, isNamed };
    const state = await askBefore('write', about, () => this.#parts.routes.current());
    const dualWrite =
      this.#entity.pattern !== 'flag-controlled' ||
      !flagsApplyIn(state.phase) ||
      (await this.#parts.flags.writesModern(this.#entity.name, keyText(operation.key), state));
    const what = { entity: this.#entity, operation, state };
    const input = writeInput(this.#parts.migration, what, { ack: given.ack, dualWrite });
    const receipt = await this.#parts.writes.write(input, this.#entity.entry, given.timeoutMs);
    return receiptOf(receipt.operationId, receipt.version);
  }
}

const readOptions = ['atLeast', 'shadow', 'withToken'];
const manyReadOptions = ['withToken'];
const placeOptions = ['atLeast'];
const writeOptions = ['operationId', 'ack', 'ifUnchangedSince', 'timeoutMs'];
/** Where no options are given, there is nothing to look at. */
const nothing = {};

function wantedBy(options: ReadOptions, what: string, known: readonly string[]): Wanted {
  if (options !== nothing) assertGiven(what, options, known);
  const { atLeast, shadow = false, withToken = false } = options;
  assertFlag('shadow', shadow);
  assertFlag('withToken', withToken);
  return { atLeast: atLeast === undefined ? null : versionOf(atLeast), shadow, version: withToken };
}

function readOf<E>(found: Found | null): Read<E> | TokenRead<E> | null {
  if (found === null) return null;
  // What a store gives has the form of the fields, whose types the schema has.
  const value = found.value as E;
  return found.version === null ? { value } : { value, token: tokenOf(found.version) };
}

function idOf(options: WriteOptions): string {
  if (options !== nothing) assertGiven('a write', options, writeOptions);
  return options.operationId ?? randomUUID();
}

/** The repository of a declared entity: `RepositoryOf<typeof account>`. */
export type RepositoryOf<T extends Entity> =
  T extends Entity<infer E, infer K, Pattern, infer A> ? Repository<E, K, A> : never;
