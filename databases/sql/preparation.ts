import type { Access } from './context.ts';
import { controlTables } from './control-tables.ts';

/** Control tables and write routines: made, shown beforehand, and checked. */
export function preparation(access: Access) {
  const { engine, migration } = access;
  const control = controlTables(access);

  async function ping(): Promise<void> {
    await access.query('SELECT 1 AS one');
  }

  async function plan(): Promise<readonly string[]> {
    const statements = await control.plan();
    for (const entity of migration.entities) {
      const bound = await access.bind(entity);
      if (await access.guarded(() => engine.isPrepared(engine, bound))) continue;
      statements.push(...engine.routineStatements(bound));
    }
    return statements;
  }

  /** A routine that is as it should be is left alone: while it is made anew, live writes would miss it. */
  async function prepare(): Promise<void> {
    await control.migrate();
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
    await control.check();
    const lacking: string[] = [];
    for (const entity of migration.entities) {
      const bound = await access.bindAnew(entity);
      if (!(await access.guarded(() => engine.isPrepared(engine, bound)))) lacking.push(entity.name);
    }
    if (lacking.length === 0) return;
    const whose = `write routine${lacking.length === 1 ? '' : 's'} of ${lacking.join(', ')}`;
    throw access.notPrepared(`it lacks the ${whose}, or has it for another definition`);
  }

  return { ping, plan, prepare, check, settings: () => access.guarded(() => engine.settings()) };
}
