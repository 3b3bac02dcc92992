import type { Entity } from '../../model/entity.ts';
import { type FailureDetails, LockstepError, type StoreName } from '../../model/failure.ts';
import type { Migration } from '../../model/migration.ts';
import type { BoundEntity } from '../columns/bound.ts';
import { bind } from '../columns/mapping.ts';
import { refusalDetails, type StoreFailure } from '../contract/write.ts';
import type { Engine } from '../engine/engine.ts';
import { RowLeftOut, SharedRowDiffers } from '../engine/list-engine.ts';
import { remedyFor } from '../engine/server-conditions.ts';
import type { Parameter, Session, TextCells } from '../engine/session.ts';
import { type ControlState, type ControlTable, controlState } from './control-tables.ts';
import { definesAlike, definitionChange, preparedDefinition, revisionOf } from './definitions.ts';

/** What every part of a store works with: its engine, its entities bound to tables, and its errors told in our words. */
export class StoreContext {
  readonly name: StoreName;
  readonly engine: Engine;
  readonly migration: Migration;
  readonly #bound = new Map<string, Promise<BoundEntity>>();
  /** Of those that are bound by now. */
  readonly #known = new Map<string, BoundEntity>();
  readonly #fingerprints = new Map<string, string>();

  constructor(name: StoreName, engine: Engine, migration: Migration) {
    this.name = name;
    this.engine = engine;
    this.migration = migration;
  }

  bind(entity: Entity): Promise<BoundEntity> {
    return this.#bound.get(entity.name) ?? this.rebind(entity);
  }

  /** By the tables as they are now. */
  rebind(entity: Entity): Promise<BoundEntity> {
    const binding = this.#readBinding(entity);
    this.#bound.set(entity.name, binding);
    this.#known.delete(entity.name);
    binding.then(
      (bound) => {
        if (this.#bound.get(entity.name) === binding) this.#known.set(entity.name, bound);
      },
      // A failure is not remembered: the table may be there at the next try.
      () => this.#bound.delete(entity.name),
    );
    return binding;
  }

  /** What is said of an entity by its tables; without a promise where they are known. */
  ofBound<T>(entity: Entity, say: (bound: BoundEntity) => T): T | Promise<T> {
    const known = this.#known.get(entity.name);
    return known ? say(known) : this.bind(entity).then(say);
  }

  /** Binds anew at the next use. */
  forget(entity: Entity): void {
    this.#bound.delete(entity.name);
    this.#known.delete(entity.name);
  }

  /** Binds anew at the next use where the tables are not as they were when last looked at. */
  rememberFingerprint(entity: Entity, fingerprint: string): void {
    const before = this.#fingerprints.get(entity.name);
    if (before !== fingerprint) this.forget(entity);
    this.#fingerprints.set(entity.name, fingerprint);
  }

  async #readBinding(entity: Entity): Promise<BoundEntity> {
    const tables = new Map();
    for (const name of allTables(entity, this.name)) {
      const table = await this.translateErrors(() => this.engine.catalogue(name));
      if (table) tables.set(name, table);
    }
    return bind(entity, this.name, tables);
  }

  control(table: ControlTable): string {
    return this.engine.dialect.control(table);
  }

  query(sql: string, parameters: readonly Parameter[] = []): Promise<TextCells[]> {
    return this.translateErrors(() => this.engine.query(sql, parameters));
  }

  transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.translateErrors(() => this.engine.transaction(work));
  }

  /** See `Engine.alone`. */
  alone<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.translateErrors(() => this.engine.alone(work));
  }

  async translateErrors<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const failure = await this.refusalOf(error);
      const { code, message: reason } = failure;
      const remedy = this.remedyOf(failure);
      throw new LockstepError(
        code,
        `the ${this.name} store (${this.engine.address}) refused: ${reason}${remedy ? `; ${remedy}` : ''}`,
        { store: this.name, reason, ...(remedy ? { remedy } : {}), ...refusalDetails(failure) },
      );
    }
  }

  /**
   * The server's own refusal. Throws what says nothing about that which was asked: the store is unavailable, or not
   * prepared for the entities.
   */
  async refusalOf(error: unknown, entities = this.migration.entities): Promise<StoreFailure> {
    const failure = this.failureOf(error);
    if (failure.code === 'StoreUnavailable') throw this.unavailable(failure, error);
    // A trigger of the table's may name a table or function that is not there as well: then all of ours is.
    if (failure.isMissing || failure.isOtherDefinition)
      await this.translateErrors(() => this.assertPrepared(entities));
    if (failure.isOtherDefinition) throw this.preparedAnew();
    return failure;
  }

  failureOf(error: unknown): StoreFailure {
    if (error instanceof LockstepError) throw error;
    if (error instanceof SharedRowDiffers)
      return { code: 'StoreRefused', about: 'row', violation: 'shared-record', message: error.message };
    if (error instanceof RowLeftOut)
      return { code: 'StoreRefused', about: 'trigger', message: error.message };
    return this.engine.classify(error);
  }

  /** What helps, with the account that connects and the variable that names it. */
  remedyOf({ remedy }: StoreFailure): string | undefined {
    const url = this.migration.stores[this.name].urlFrom;
    return remedy === undefined ? undefined : remedyFor(remedy, { account: this.engine.account, url });
  }

  /** The cause is left out where it came from the server: its message may quote a row. */
  unavailable(failure: StoreFailure, error: unknown): LockstepError {
    const network = error instanceof Error && 'code' in error && /^E[A-Z]+$/.test(String(error.code));
    const { message: reason } = failure;
    const remedy =
      this.remedyOf(failure) ??
      'check that the server runs, that host and port are right, and that it lets this machine in';
    return new LockstepError(
      'StoreUnavailable',
      `the ${this.name} store at ${this.engine.address} is not available: ${reason}; ${remedy}`,
      { store: this.name, reason, remedy, ...refusalDetails(failure) },
      network ? { cause: error } : undefined,
    );
  }

  /**
   * Throws `NotPrepared` where `prepare` has something to do, or was run by a newer program; `DefinitionChanged` where it was
   * run for another definition; `InvalidDefinition` where a table of an entity is not there or does not fit.
   */
  async assertPrepared(entities: readonly Entity[]): Promise<void> {
    const state = await controlState(this.engine);
    this.assertNotNewer(state);
    const { storeVersion, programVersion, missing, lost } = state;
    const measured = { storeVersion, programVersion };
    if (missing.length > 0) {
      const names = missing.map(({ name }) => name).join(', ');
      throw this.notPrepared(
        `its control tables are at version ${storeVersion}, and this program needs version ${programVersion}; it lacks ${names}`,
        // Some servers show nothing that an account may not read.
        storeVersion > 0
          ? { measured }
          : {
              measured,
              remedy: `run lockstep prepare; where that was done, grant ${this.engine.account} a right to its tables`,
            },
      );
    }
    if (lost.length > 0) {
      const names = lost.map((name) => this.control(name)).join(', ');
      throw this.notPrepared(`${names} was dropped or renamed`, {
        remedy: 'bring it back from a backup of the store',
        measured,
      });
    }
    await this.assertDefinition();
    const unmade: string[] = [];
    for (const entity of entities) {
      if (!(await this.engine.isPrepared(this.engine, await this.rebind(entity)))) unmade.push(entity.name);
    }
    if (unmade.length === 0) return;
    throw this.notPrepared(
      `the write routine of ${unmade.join(', ')} is missing, or was made for another definition`,
    );
  }

  async assertDefinition(): Promise<void> {
    const { name, entities } = this.migration;
    const prepared = await preparedDefinition(this.engine, this.engine, name);
    if (!prepared) throw this.notPrepared('it has no definition of it');
    if (definesAlike(prepared.entities, entities)) return;
    const known = await revisionOf(this.engine, this.engine, name, entities);
    const change = definitionChange(prepared.entities, entities);
    throw this.definitionChanged(
      known === null
        ? `it is prepared for revision ${prepared.revision}, and this process has another definition (${change}); run lockstep prepare`
        : `it is prepared for revision ${prepared.revision}, and this process has revision ${known} (${change}); restart it with the new definition`,
      { revision: prepared.revision, known },
    );
  }

  definitionChanged(why: string, measured?: FailureDetails['measured']): LockstepError {
    return new LockstepError(
      'DefinitionChanged',
      `the ${this.name} store (${this.engine.address}) has another definition of ${this.migration.name}: ${why}`,
      { store: this.name, about: 'schema', ...(measured ? { measured } : {}) },
    );
  }

  /** The tables were altered and prepared again under a definition that stayed: they have been looked at anew by now. */
  preparedAnew(): LockstepError {
    return this.definitionChanged('its tables were altered and prepared again; the same call is tried again');
  }

  /** What a newer program means by its tables is unknown here. */
  assertNotNewer({ storeVersion, programVersion }: ControlState): void {
    if (storeVersion <= programVersion) return;
    throw this.notPrepared(
      `a newer Lockstep prepared it: its control tables are at version ${storeVersion}, and this program knows versions up to ${programVersion}`,
      { remedy: 'upgrade this program', measured: { storeVersion, programVersion } },
    );
  }

  notPrepared(why: string, more: Pick<FailureDetails, 'remedy' | 'measured'> = {}): LockstepError {
    const then = more.remedy ?? 'run lockstep prepare';
    return new LockstepError(
      'NotPrepared',
      `the ${this.name} store (${this.engine.address}) is not prepared for ${this.migration.name}: ${why}; ${then}`,
      { store: this.name, about: 'schema', remedy: 'lockstep prepare', ...more },
    );
  }
}

export function placeholders(values: readonly unknown[]): string {
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
