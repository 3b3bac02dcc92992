import type { BoundEntity } from '../columns/bound.ts';
import type { ForeignParts } from '../contract/foreign-parts.ts';
import type { Session } from '../engine/session.ts';
import type { StoreContext } from './context.ts';
import { applyStep, controlState, missingSql } from './control-tables.ts';
import { leftEntities } from './definitions.ts';
import { createPreparedDefinition } from './prepared-definition.ts';

/** Control tables and write routines: made, shown beforehand, and checked. */
export function createPreparation(context: StoreContext) {
  const { engine, migration } = context;
  const { definitions, missingDefinition } = createPreparedDefinition(context);

  /** On a connection of those that no lock keeps busy. */
  async function ping(): Promise<void> {
    await context.translateErrors(() => engine.commitPool.query('SELECT 1 AS one'));
  }

  async function isMade(session: Session, bound: BoundEntity): Promise<boolean> {
    return (await engine.isPrepared(session, bound)) && (await engine.isOwn(session, bound));
  }

  async function foreignParts(): Promise<ForeignParts> {
    const { owners, additions } = engine.dialect;
    const names = async (sql: string) =>
      (await context.translateErrors(() => engine.query(sql))).map(({ name }) => name ?? '');
    return { owners: await names(owners), additions: await names(additions) };
  }

  async function plan(): Promise<readonly string[]> {
    const state = await context.translateErrors(() => controlState(engine));
    context.assertNotNewer(state);
    const statements = missingSql(state);
    const definition = await missingDefinition();
    if (definition !== null) statements.push(definition);
    for (const entity of migration.entities) {
      const bound = await context.bind(entity);
      if (await context.translateErrors(() => isMade(engine, bound))) continue;
      statements.push(...engine.routineStatements(bound));
    }
    if (state.missing.length === 0)
      statements.push(...(await context.translateErrors(() => leftoverStatements(engine))));
    return statements;
  }

  /** A routine that is as it should be is left alone: while it is made anew, live writes would miss it. */
  async function prepare(): Promise<void> {
    await migrateControlTables(context);
    // Before any routine: whoever has another definition shall hear so, and not that a routine is missing.
    await definitions.recordDefinition();
    for (const entity of migration.entities) {
      const bound = await context.bind(entity);
      await context.alone(async (session) => {
        if (await isMade(session, bound)) return;
        for (const statement of engine.routineStatements(bound)) await session.query(statement);
      });
    }
    await context.alone(async (session) => {
      for (const statement of await leftoverStatements(session)) await session.query(statement);
    });
  }

  /** Whoever still has the definition that they are of would write by them, and nobody would take it to the other store. */
  async function leftoverStatements(session: Session): Promise<string[]> {
    const bound: BoundEntity[] = [];
    for (const entity of migration.entities) bound.push(await context.bind(entity));
    return await engine.leftoverStatements(session, await leftEntities(engine, session, migration), bound);
  }

  async function check(): Promise<void> {
    await ping();
    await context.translateErrors(() => context.assertPrepared(migration.entities));
  }

  const settings = () => context.translateErrors(() => engine.settings());
  return { ping, plan, prepare, check, foreignParts, settings, ...definitions };
}

/**
 * Applies the migrations that are missing, in order. Safe to repeat after a crash between any two statements, and beside
 * another process that does the same: each step is run and noted alone.
 */
export async function migrateControlTables(context: StoreContext): Promise<void> {
  const { engine } = context;
  let isDone = false;
  while (!isDone) {
    isDone = await context.alone(async (session) => {
      await assertOwned(context, session);
      const state = await controlState(engine, session);
      context.assertNotNewer(state);
      const [next] = state.missing;
      if (next) await applyStep(engine, session, next);
      return next === undefined;
    });
  }
}

/** Whoever owns what `prepare` goes on with may have put a trigger, or something else of that name, in its way: it would run as this account. */
async function assertOwned(context: StoreContext, session: Session): Promise<void> {
  const { engine } = context;
  if (!engine.dialect.tablesHaveOwners) return;
  const found = await context.translateErrors(() => session.query(engine.dialect.owners));
  if (found.length === 0) return;
  const owners = found.map(({ name }) => name).join(', ');
  throw context.notPrepared(
    `the schema lockstep, or something in it, belongs to ${owners}, who could have anything run as ${engine.account}`,
    {
      remedy: `run lockstep prepare as ${owners}, or, where that account has made nothing there, give all of it to ${engine.account} (ALTER SCHEMA lockstep OWNER TO, ALTER TABLE … OWNER TO)`,
    },
  );
}
