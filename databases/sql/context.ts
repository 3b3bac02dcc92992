import type { Entity } from '../../model/entity.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import type { Migration } from '../../model/migration.ts';
import type { BoundEntity } from '../columns/bound.ts';
import { bind } from '../columns/mapping.ts';
import { refusalDetails, type StoreFailure } from '../contract/write.ts';
import type { Engine } from '../engine/engine.ts';
import type { Parameter, Session, TextCells } from '../engine/session.ts';
import { lackingIn } from './control-tables.ts';

/** What every part of a store works with: its engine, its entities bound to tables, and its errors told in our words. */
export class Access {
  readonly name: StoreName;
  readonly engine: Engine;
  readonly migration: Migration;
  readonly #bound = new Map<string, Promise<BoundEntity>>();
  readonly #fingerprints = new Map<string, string>();

  constructor(name: StoreName, engine: Engine, migration: Migration) {
    this.name = name;
    this.engine = engine;
    this.migration = migration;
  }

  bind(entity: Entity): Promise<BoundEntity> {
    return this.#bound.get(entity.name) ?? this.bindAnew(entity);
  }

  /** By the tables as they are now. */
  bindAnew(entity: Entity): Promise<BoundEntity> {
    const binding = this.#readBinding(entity);
    this.#bound.set(entity.name, binding);
    // A failure is not remembered: the table may be there at the next try.
    binding.catch(() => this.#bound.delete(entity.name));
    return binding;
  }

  /** Binds anew at the next use where the tables are not as they were when last looked at. */
  noteFingerprint(entity: Entity, fingerprint: string): void {
    const before = this.#fingerprints.get(entity.name);
    if (before !== fingerprint) this.#bound.delete(entity.name);
    this.#fingerprints.set(entity.name, fingerprint);
  }

  async #readBinding(entity: Entity): Promise<BoundEntity> {
    const tables = new Map();
    for (const name of allTables(entity, this.name)) {
      const table = await this.guarded(() => this.engine.catalogue(name));
      if (table) tables.set(name, table);
    }
    return bind(entity, this.name, tables);
  }

  control(table: string): string {
    return this.engine.text.control(table);
  }

  query(sql: string, parameters: readonly Parameter[] = []): Promise<TextCells[]> {
    return this.guarded(() => this.engine.query(sql, parameters));
  }

  transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.guarded(() => this.engine.transaction(work));
  }

  async guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const failure = await this.refusalOf(error);
      const { code, message: reason } = failure;
      throw new LockstepError(code, `the ${this.name} store (${this.engine.address}) refused: ${reason}`, {
        store: this.name,
        reason,
        ...refusalDetails(failure),
      });
    }
  }

  /**
   * The server's own refusal. Throws what says nothing about that which was asked: the store is away, or not prepared for the
   * entities.
   */
  async refusalOf(error: unknown, entities = this.migration.entities): Promise<StoreFailure> {
    const failure = this.failureOf(error);
    if (failure.code === 'StoreUnavailable') throw this.unavailable(failure, error);
    // A trigger of the table's may name a table or function that is not there as well: then all of ours is.
    const lacks = failure.isMissing ? await this.guarded(() => this.whatLacks(entities)) : null;
    if (lacks !== null) throw this.notPrepared(lacks);
    return failure;
  }

  failureOf(error: unknown): StoreFailure {
    if (error instanceof LockstepError) throw error;
    return this.engine.classify(error);
  }

  /**
   * What `prepare` has not made yet, or has made for another definition; null where all is there. Throws `InvalidDefinition`
   * where a table of an entity is not there or does not fit.
   */
  async whatLacks(entities: readonly Entity[]): Promise<string | null> {
    const { tables, columns } = await lackingIn(this.engine);
    const names = [...tables, ...columns.map(({ table, name }) => `${table}.${name}`)];
    if (names.length > 0) return `it lacks ${names.join(', ')}`;
    for (const entity of entities) {
      if (await this.engine.isPrepared(await this.bindAnew(entity))) continue;
      return `the write routine of ${entity.name} is missing or older than its definition`;
    }
    return null;
  }

  /** The cause is left out where it came from the server: its message may quote a row. */
  unavailable(failure: StoreFailure, error: unknown): LockstepError {
    const network = error instanceof Error && 'code' in error && /^E[A-Z]+$/.test(String(error.code));
    const {
      message: reason,
      remedy = 'check that the server runs, that host and port are right, and that it lets this machine in',
    } = failure;
    return new LockstepError(
      'StoreUnavailable',
      `the ${this.name} store at ${this.engine.address} is not available: ${reason}; ${remedy}`,
      { store: this.name, reason, remedy, ...refusalDetails(failure) },
      network ? { cause: error } : undefined,
    );
  }

  notPrepared(why: string): LockstepError {
    return new LockstepError(
      'NotPrepared',
      `the ${this.name} store (${this.engine.address}) is not prepared for ${this.migration.name}: ${why}; run lockstep prepare`,
      { store: this.name, about: 'schema', remedy: 'lockstep prepare' },
    );
  }
}

export function marks(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ');
}

export function ownedTables(entity: Entity, store: StoreName): string[] {
  const shape = entity.shapes[store];
  return shape.form === 'columns' ? [shape.table] : shape.owned.map((table) => table.table);
}

/** Referenced tables, then owned ones. */
export function allTables(entity: Entity, store: StoreName): string[] {
  const shape = entity.shapes[store];
  const referenced = shape.form === 'columns' ? [] : shape.referenced.map((table) => table.table);
  return [...referenced, ...ownedTables(entity, store)];
}
