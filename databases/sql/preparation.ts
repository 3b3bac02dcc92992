import type { Access } from './context.ts';
import { addColumns, lackingIn } from './control-tables.ts';

/** Control tables and write routines: made, shown beforehand, and checked. */
export function preparation(access: Access) {
  async function ping(): Promise<void> {
    await access.query('SELECT 1 AS one');
  }

  async function plan(): Promise<readonly string[]> {
    const statements = [...(await controlStatements())];
    for (const entity of access.migration.entities) {
      statements.push(...access.engine.routineStatements(await access.bind(entity)));
    }
    return statements;
  }

  /** A routine that is as it should be is left alone: while it is made anew, live writes would miss it. */
  async function prepare(): Promise<void> {
    for (const statement of await controlStatements()) await access.query(statement);
    for (const entity of access.migration.entities) {
      const bound = await access.bind(entity);
      if (await access.guarded(() => access.engine.isPrepared(bound))) continue;
      for (const statement of access.engine.routineStatements(bound)) await access.query(statement);
    }
  }

  /** Columns first: a later statement may make an index over one. */
  async function controlStatements(): Promise<readonly string[]> {
    const lacking = await access.guarded(() => lackingIn(access.engine));
    return [...addColumns(lacking), ...(await access.engine.controlStatements())];
  }

  async function check(): Promise<void> {
    await ping();
    const lacks = await access.guarded(() => access.whatLacks(access.migration.entities));
    if (lacks !== null) throw access.notPrepared(lacks);
  }

  return { ping, plan, prepare, check, settings: () => access.guarded(() => access.engine.settings()) };
}
