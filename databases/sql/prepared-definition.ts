import { isDeepStrictEqual } from 'node:util';
import { definitionDigest } from '../../model/definition.ts';
import { LockstepError } from '../../model/failure.ts';
import { isObject } from '../../model/is-object.ts';
import { type Phase, phases } from '../../model/phase.ts';
import type { BoundEntity } from '../columns/bound.ts';
import { parsedOrUndefined } from '../contract/control-row.ts';
import type { Definitions, PreparedDefinition } from '../contract/definition.ts';
import { insertInto } from '../engine/engine.ts';
import type { Session } from '../engine/session.ts';
import { allTables, ownedTables, type StoreContext } from './context.ts';
import { controlState } from './control-tables.ts';
import { definitionChange, preparedDefinition } from './definitions.ts';

/** Phases in which entities may still come and go: all that they have is copied and compared afterwards. */
const openPhases: readonly Phase[] = ['legacy-only', 'dual-write'];

/** The definition that a store is prepared for: kept, and guarded against what would lose its way. */
export function createPreparedDefinition(context: StoreContext) {
  const { engine, migration } = context;
  const table = context.control('definitions');

  async function definition(): Promise<PreparedDefinition | null> {
    return await context.translateErrors(() => preparedDefinition(engine, engine, migration.name));
  }

  async function assertDefinable(): Promise<void> {
    for (const entity of migration.entities) assertFilled(await context.rebind(entity));
    await context.translateErrors(assertApart);
    const { missing } = await context.translateErrors(() => controlState(engine));
    // No migration has been here yet.
    if (missing.length > 0) return;
    await context.translateErrors(async () => {
      const own = await ownDefinition();
      await assertUnowned(engine, own.tables);
      await assertComplete(engine, await preparedDefinition(engine, engine, migration.name));
    });
  }

  /** What `recordDefinition` would write; null where the store has it. */
  async function missingDefinition(): Promise<string | null> {
    const { missing } = await context.translateErrors(() => controlState(engine));
    const known = missing.length > 0 ? null : await definition();
    if (known && isSame(known, await ownDefinition())) return null;
    return `-- records revision ${(known?.revision ?? 0) + 1} of ${migration.name}: its entities, tables and policy`;
  }

  /**
   * Under the fence alone: pages and version bumps, which call no routine, look at it while they share the fence. From then on
   * they are refused where they have another definition.
   */
  async function recordDefinition(): Promise<void> {
    const own = await ownDefinition();
    await context.alone((session) => recordWithin(session, own));
  }

  async function recordWithin(session: Session, own: Omit<PreparedDefinition, 'revision'>): Promise<void> {
    await assertUnowned(session, own.tables);
    const known = await preparedDefinition(engine, session, migration.name);
    await assertComplete(session, known);
    if (known && isSame(known, own)) return;
    const isOther = !isDeepStrictEqual(known?.entities, own.entities);
    if (isOther) await engine.lockFence(session, migration.name);
    await session.query(insertInto(table, ['migration', 'revision', 'entities', 'tables', 'policy']), [
      migration.name,
      (known?.revision ?? 0) + 1,
      JSON.stringify(own.entities),
      JSON.stringify(own.tables),
      JSON.stringify(own.policy),
    ]);
  }

  async function forgetDefinition(): Promise<void> {
    await context.alone(async (session) => {
      await session.query(`DELETE FROM ${table} WHERE migration = ?`, [migration.name]);
    });
  }

  async function ownDefinition(): Promise<Omit<PreparedDefinition, 'revision'>> {
    const entities: Record<string, { digest: string; fingerprint: string }> = {};
    const tables = new Set<string>();
    for (const entity of [...migration.entities].sort((left, right) => (left.name < right.name ? -1 : 1))) {
      const bound = await context.rebind(entity);
      entities[entity.name] = { digest: definitionDigest(entity), fingerprint: engine.fingerprint(bound) };
      for (const name of allTables(entity, context.name)) tables.add(await engine.qualifiedName(name));
    }
    return { entities, tables: [...tables].sort(), policy: migration.policy };
  }

  /** Every new row would be refused, by a service's write and by the backfill alike. */
  function assertFilled({ entity, tables }: BoundEntity): void {
    for (const { name, unfilled } of tables) {
      if (unfilled.length === 0) continue;
      const path = `${entity.name}.${context.name}.${name}`;
      throw new LockstepError(
        'InvalidDefinition',
        `${path}: no field fills ${unfilled.join(', ')}, which may not be null and has no default, so no row could be inserted; ` +
          'give the column a default, let it be null, or declare a field for it',
        { path, store: context.name, about: 'schema' },
      );
    }
  }

  /** Its rows would have a version for each of them, and the older write of one could come last in the other store. */
  async function assertApart(): Promise<void> {
    const owners = new Map<string, string>();
    for (const { name, entity } of migration.entities.flatMap((declared) =>
      ownedTables(declared, context.name).map((table) => ({ name: table, entity: declared.name })),
    )) {
      const table = await engine.qualifiedName(name);
      const other = owners.get(table);
      owners.set(table, entity);
      if (other === undefined || other === entity) continue;
      throw new LockstepError(
        'InvalidDefinition',
        `the entities ${other} and ${entity} both own the table ${table} in the ${context.name} store (${engine.address}); ` +
          'declare one entity for it, with rows({ … }) where its rows lie in several tables of the other store',
        { store: context.name, path: `${entity}.${context.name}.${name}`, about: 'schema' },
      );
    }
  }

  /** A table has one primary: two migrations would each have their own idea of it. Records are kept by the entity's name. */
  async function assertUnowned(session: Session, tables: readonly string[]): Promise<void> {
    const others = await session.query(
      `SELECT d.migration, d.entities, d.tables FROM ${table} d LEFT JOIN ${context.control('state')} s ON s.migration = d.migration
       WHERE d.migration <> ? AND COALESCE(s.phase, '') <> 'decommissioned'
         AND d.revision = (SELECT MAX(n.revision) FROM ${table} n WHERE n.migration = d.migration)`,
      [migration.name],
    );
    for (const other of others) {
      // What nobody can read is told to its own migration, and stops no other.
      const taken = parsedOrUndefined(other.tables ?? '[]');
      const theirs = parsedOrUndefined(other.entities ?? '{}');
      const shared = tables.filter((name) => Array.isArray(taken) && taken.includes(name));
      const names = migration.entities.filter(({ name }) => isObject(theirs) && Object.hasOwn(theirs, name));
      if (shared.length === 0 && names.length === 0) continue;
      const what =
        shared.length > 0
          ? `the table ${shared.join(', ')}`
          : `an entity called ${names.map(({ name }) => name).join(', ')}`;
      throw new LockstepError(
        'InvalidDefinition',
        `migration ${other.migration} has ${what} in the ${context.name} store (${engine.address}) already, and ${migration.name} cannot have it as well; ` +
          `move it in one migration, or wait until ${other.migration} is decommissioned. If ${other.migration} was given up, run lockstep prepare --release with its configuration`,
        { store: context.name, path: 'entities', about: 'schema' },
      );
    }
  }

  /** What comes later than the backfill would pass every gate uncopied; what goes would be neither drained nor compared. */
  async function assertComplete(session: Session, known: PreparedDefinition | null): Promise<void> {
    if (!known) return;
    const names = migration.entities.map(({ name }) => name);
    const isWhole =
      names.length === Object.keys(known.entities).length && names.every((name) => known.entities[name]);
    if (isWhole) return;
    const [state] = await session.query(`SELECT phase FROM ${context.control('state')} WHERE migration = ?`, [
      migration.name,
    ]);
    const phase = phases.find((one) => one === state?.phase) ?? 'legacy-only';
    if (openPhases.includes(phase)) return;
    const change = definitionChange(known.entities, migration.entities) ?? '';
    throw new LockstepError(
      'GateRefused',
      `the entities of ${migration.name} cannot change in ${phase} (${change}): what comes now would miss the backfill and its evidence; ` +
        'roll back to dual-write first, or move it in a migration of its own',
      { gate: 'definition', store: context.name, measured: { phase, change } },
    );
  }

  const assertDefinition = () => context.translateErrors(() => context.assertDefinition());
  const definitions: Definitions = {
    definition,
    assertDefinition,
    assertDefinable,
    recordDefinition,
    forgetDefinition,
  };
  return { definitions, missingDefinition };
}

/** As values: the order of members is that of a configuration file. */
function isSame(known: PreparedDefinition, own: Omit<PreparedDefinition, 'revision'>): boolean {
  const { entities, tables, policy } = known;
  return isDeepStrictEqual({ entities, tables, policy }, JSON.parse(JSON.stringify(own)));
}
