import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { readOne } from '../../databases/contract/read-one.ts';
import type { Stores } from '../../databases/contract/store.ts';
import type { Stored } from '../../databases/contract/write.ts';
import { canonicalText, type Image, type Key, keyText } from '../../model/canonical.ts';
import { type Entity, keyOf, validImage } from '../../model/entity.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { entityOf, patchOf } from '../../model/field.ts';
import type { Migration } from '../../model/migration.ts';
import type { Operation, OperationKind } from '../../model/operation.ts';
import { type DurableState, letsFlagDecide, otherStore, routes } from '../../model/phase.ts';
import { type HybridClock, isNewer } from '../../model/version.ts';
import type { Flags } from './flags.ts';
import { type KeyInput, keyFrom } from './key-input.ts';
import type { RouteCache } from './route-cache.ts';
import type { ShadowReads } from './shadow.ts';
import { startWrite } from './start-write.ts';
import { type Token, tokenOf, versionOf } from './token.ts';
import type { TransactionItem, Transactions } from './transaction.ts';
import type { WriteOptions } from './write-options.ts';

export type { WriteOptions } from './write-options.ts';

export interface Receipt {
  readonly operationId: string;
  /** Null with `ack: 'recorded'`. */
  readonly version: string | null;
  /** Pass it as `atLeast` to read what was written. */
  readonly token: Token | null;
}

export interface ReadOptions {
  /** Never answer with less than the version of this token. */
  atLeast?: Token;
  /** Read both stores, answer from the routed one, and count whether they agree. */
  shadow?: boolean;
}

export interface RepositoryParts {
  readonly stores: Stores;
  readonly routes: RouteCache;
  readonly flags: Flags;
  readonly clock: HybridClock;
  readonly shadow: ShadowReads;
  readonly migration: Migration;
  readonly temporal: Client;
  readonly transactions: Transactions;
}

/** The records of one entity, wherever they are at the moment. */
export class Repository<E> {
  readonly #entity: Entity<E>;
  readonly #parts: RepositoryParts;

  constructor(entity: Entity<E>, parts: RepositoryParts) {
    this.#entity = entity;
    this.#parts = parts;
  }

  /** Fails with `AlreadyExists` where the key is taken, `InvalidEntity` before anything starts. */
  async create(value: E, options: WriteOptions = {}): Promise<Receipt> {
    return await this.#writeWhole('create', value, options);
  }

  /** Puts the whole record, whether or not there was one. */
  async replace(value: E, options: WriteOptions = {}): Promise<Receipt> {
    return await this.#writeWhole('replace', value, options);
  }

  /** Changes the given fields and keeps the others. Fails with `NotFound` where there is no record. */
  async update(key: KeyInput<E>, patch: Partial<E>, options: WriteOptions = {}): Promise<Receipt> {
    const { keyParts, image } = this.#patch(key, patch);
    return await this.#write('update', keyParts, image, options);
  }

  /** Fails with `NotFound` where there is no record. */
  async delete(key: KeyInput<E>, options: WriteOptions = {}): Promise<Receipt> {
    return await this.#write('delete', keyFrom(this.#entity, key), null, options);
  }

  /** As `create`, for a list of `transaction`. */
  creating(value: E): TransactionItem {
    return this.#item(async (id) => await this.#wholeOperation('create', value, { operationId: id }));
  }

  /** As `replace`, for a list of `transaction`. */
  replacing(value: E, options: Pick<WriteOptions, 'expected'> = {}): TransactionItem {
    return this.#item(
      async (id) => await this.#wholeOperation('replace', value, { ...options, operationId: id }),
    );
  }

  /** As `update`, for a list of `transaction`. */
  updating(
    key: KeyInput<E>,
    patch: Partial<E>,
    options: Pick<WriteOptions, 'expected'> = {},
  ): TransactionItem {
    return this.#item(async (id) => {
      const { keyParts, image } = this.#patch(key, patch);
      return this.#operation('update', keyParts, image, { ...options, operationId: id });
    });
  }

  /** As `delete`, for a list of `transaction`. */
  deleting(key: KeyInput<E>, options: Pick<WriteOptions, 'expected'> = {}): TransactionItem {
    return this.#item(async (id) =>
      this.#operation('delete', keyFrom(this.#entity, key), null, { ...options, operationId: id }),
    );
  }

  /** The record, or null where there is none. `StaleRead` where no store has the version that the token asks for. */
  async get(key: KeyInput<E>, options: ReadOptions = {}): Promise<E | null> {
    return (await this.getWithToken(key, options)).value;
  }

  /**
   * As `get`, with the token of the version that was read: pass it as `expected` to write only if nobody has written
   * meanwhile. A record that was never written through Lockstep has a token too.
   */
  async getWithToken(
    key: KeyInput<E>,
    options: ReadOptions = {},
  ): Promise<{ value: E | null; token: Token }> {
    const keyParts = keyFrom(this.#entity, key);
    const state = await this.#parts.routes.current();
    const routed = await this.#readStore(keyParts, state);
    const { primary } = routes[state.phase];
    const stored = await this.#readFrom(routed, primary, keyParts);
    if (options.shadow) await this.#compareShadow(stored.from, keyParts, stored.record);
    const found = (record: Stored, from: StoreName) => ({
      value: this.#entityOf(record, from),
      token: tokenOf(record.version),
    });
    if (options.atLeast === undefined) return found(stored.record, stored.from);
    const wanted = versionOf(options.atLeast);
    if (!isNewer(wanted, stored.record.version)) return found(stored.record, stored.from);
    for (const store of [primary, otherStore(primary)]) {
      if (store === stored.from) continue;
      const other = await this.#readOne(store, keyParts).catch(() => null);
      if (other && !isNewer(wanted, other.version)) return found(other, store);
    }
    throw new LockstepError(
      'StaleRead',
      `${this.#entity.name}: no store that answers has version ${wanted} yet, ${stored.from} has ${stored.record.version}; read again`,
      { entity: this.#entity.name, version: stored.record.version, store: stored.from },
    );
  }

  #item(operation: TransactionItem['operation']): TransactionItem {
    return { entity: this.#entity.name, operation };
  }

  #patch(key: KeyInput<E>, patch: Partial<E>): { keyParts: Key; image: Image } {
    const keyParts = keyFrom(this.#entity, key);
    const image = patchOf(this.#entity.fields, patch, this.#entity.name);
    this.#entity.key.forEach((name, index) => {
      if (!(name in image) || image[name] === keyParts[index]) return;
      throw new LockstepError(
        'InvalidEntity',
        `${this.#entity.name}.${name}: an update must not change the key; create the new record and delete the old one`,
        { entity: this.#entity.name, path: `${this.#entity.name}.${name}` },
      );
    });
    return { keyParts, image };
  }

  async #writeWhole(kind: 'create' | 'replace', value: E, options: WriteOptions): Promise<Receipt> {
    const image = await validImage(this.#entity, value);
    return await this.#write(kind, keyOf(this.#entity, image), image, options);
  }

  async #wholeOperation(kind: 'create' | 'replace', value: E, options: WriteOptions): Promise<Operation> {
    const image = await validImage(this.#entity, value);
    return this.#operation(kind, keyOf(this.#entity, image), image, options);
  }

  #operation(kind: OperationKind, key: Key, image: Image | null, options: WriteOptions): Operation {
    return {
      id: options.operationId ?? randomUUID(),
      entity: this.#entity.name,
      kind,
      key,
      image,
      proposed: this.#parts.clock.next(),
      expectedVersion: options.expected === undefined ? null : versionOf(options.expected),
    };
  }

  async #write(kind: OperationKind, key: Key, image: Image | null, options: WriteOptions): Promise<Receipt> {
    const operation = this.#operation(kind, key, image, options);
    if (this.#entity.pattern === 'transactional') return await this.#writeTogether(operation, options);
    const state = await this.#parts.routes.current();
    const dualWrite =
      this.#entity.pattern !== 'flag-controlled' ||
      !letsFlagDecide(state.phase) ||
      (await this.#parts.flags.writesModern(this.#entity.name, keyText(key), state));
    const receipt = await startWrite(
      this.#parts.temporal,
      this.#parts.migration,
      { entity: this.#entity, operation, state },
      { dualWrite, ack: options.ack ?? this.#entity.ack, timeoutMs: options.timeoutMs ?? null },
    );
    return {
      operationId: receipt.operationId,
      version: receipt.version,
      token: receipt.version === null ? null : tokenOf(receipt.version),
    };
  }

  /** A transaction of one. */
  async #writeTogether(operation: Operation, options: WriteOptions): Promise<Receipt> {
    const item = this.#item(async () => operation);
    const { versions } = await this.#parts.transactions.run(operation.id, [item], {
      ...options,
      ack: options.ack ?? this.#entity.ack,
    });
    const version = versions?.[0] ?? null;
    return { operationId: operation.id, version, token: version === null ? null : tokenOf(version) };
  }

  async #readStore(key: Key, state: DurableState): Promise<StoreName> {
    const { reads } = routes[state.phase];
    if (reads !== 'share') return reads;
    const modern = await this.#parts.flags.readsModern(this.#entity.name, keyText(key), state);
    return modern ? 'modern' : 'legacy';
  }

  /** The routed store answers; where it cannot, the primary does. */
  async #readFrom(
    routed: StoreName,
    primary: StoreName,
    key: Key,
  ): Promise<{ record: Stored; from: StoreName }> {
    try {
      return { record: await this.#readOne(routed, key), from: routed };
    } catch (error) {
      if (routed === primary) throw error;
      return { record: await this.#readOne(primary, key), from: primary };
    }
  }

  async #readOne(store: StoreName, key: Key): Promise<Stored> {
    return await readOne(this.#parts.stores[store], this.#entity, key);
  }

  async #compareShadow(from: StoreName, key: Key, record: Stored): Promise<void> {
    const other = await this.#readOne(otherStore(from), key).catch(() => null);
    if (other === null) this.#parts.shadow.count('failed');
    else
      this.#parts.shadow.count(
        canonicalText(other.image) === canonicalText(record.image) ? 'equal' : 'unequal',
      );
  }

  #entityOf(stored: Stored, store: StoreName): E | null {
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
    return stored.image === null ? null : (entityOf(this.#entity.fields, stored.image) as E);
  }
}
