import type { Access } from './context.ts';
import { applyStep, controlState, missingSql } from './control-tables.ts';

/** Control tables and write routines: made, shown beforehand, and checked. */
export function preparation(access: Access) {
  const { engine, migration } = access;

  async function ping(): Promise<void> {
    await access.query('SELECT 1 AS one');
  }

  async function plan(): Promise<readonly string[]> {
    const state = await access.guarded(() => controlState(engine));
    access.assertNotNewer(state);
    const statements = missingSql(state);
    for (const entity of migration.entities) {
      const bound = await access.bind(entity);
      if (await access.guarded(() => engine.isPrepared(engine, bound))) continue;
      statements.push(...engine.routineStatements(bound));
    }
    return statements;
  }

  /** A routine that is as it should be is left alone: while it is made anew, live writes would miss it. */
  async function prepare(): Promise<void> {
    await migrateControlTables(access);
    for (const entity of migration.entities) {
      const bound = await access.bind(entity);
      await access.alone(async (session) => {
        if (await engine.isPrepared(session, bound)) return;
        for (const statement of engine.routineStatements(bound)) await session.query(statement);
      });
    }
  }

  async function check(): Promise<void> {
    await ping();
    await access.guarded(() => access.assertPrepared(migration.entities));
  }

  return { ping, plan, prepare, check, settings: () => access.guarded(() => engine.settings()) };
}

/**
 * Applies the migrations that are missing, in order. Safe to repeat after a crash between any two statements, and beside
 * another process that does the same: each step is run and noted alone.
 */
export async function migrateControlTables(access: Access): Promise<void> {
  const { engine } = access;
  let isDone = false;
  while (!isDone) {
    isDone = await access.alone(async (session) => {
      const state = await controlState(engine, session);
      access.assertNotNewer(state);
      const [next] = state.missing;
      if (next) await applyStep(engine, session, next);
      return next === undefined;
    });
  }
}
