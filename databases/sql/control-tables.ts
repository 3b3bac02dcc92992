import { LockstepError } from '../../model/failure.ts';
import type { ControlMigration } from '../engine/control-migrations.ts';
import type { Session } from '../engine/session.ts';
import type { Access } from './context.ts';

/** A migration that is not applied yet, or not all of it. */
interface Missing extends ControlMigration {
  /** How many of its steps have been run. */
  readonly done: number;
}

/** The control tables of a store: which migrations they lack, and how they are brought up to what this program needs. */
export function controlTables(access: Access) {
  const { engine } = access;
  const table = access.control('migrations');

  /** Throws `NotPrepared` where a newer program prepared the store: what it means by its tables is unknown here. */
  async function missing(session: Session = engine): Promise<readonly Missing[]> {
    const known = await engine.controlMigrations();
    const [isThere] = await session.query(engine.text.controlTable('migrations'));
    const rows = isThere ? await session.query(`SELECT version, steps, applied_at FROM ${table}`) : [];
    const newest = Math.max(0, ...rows.map(({ version }) => Number(version)));
    if (newest > known.length) throw newerThanProgram(access, newest, known.length);
    return known.flatMap((migration) => {
      const row = rows.find(({ version }) => Number(version) === migration.version);
      return row?.applied_at ? [] : [{ ...migration, done: Number(row?.steps ?? 0) }];
    });
  }

  /** Throws `NotPrepared`, with both versions, where a migration is missing. */
  async function check(): Promise<void> {
    const lacking = await access.guarded(() => missing());
    const [first] = lacking;
    if (!first) return;
    const storeVersion = first.version - 1;
    const programVersion = storeVersion + lacking.length;
    throw access.notPrepared(
      `its control tables are at version ${storeVersion}, and this program needs version ${programVersion}; ` +
        `it lacks ${lacking.map(({ name }) => name).join(', ')}`,
      { storeVersion, programVersion },
    );
  }

  /** The SQL that `migrate` would run. */
  async function plan(): Promise<string[]> {
    const lacking = await access.guarded(() => missing());
    return lacking.flatMap(({ name, steps, done }) =>
      steps.slice(done).map((step, index) => (index === 0 ? `-- ${name}\n${step}` : step)),
    );
  }

  /**
   * Applies what is missing, in order. Safe to repeat after a crash between any two statements, and beside another process
   * that does the same: each step is run and noted alone.
   */
  async function migrate(): Promise<void> {
    while (await access.alone(applyNextStep));
  }

  /** False where nothing is missing. */
  async function applyNextStep(session: Session): Promise<boolean> {
    const [next] = await missing(session);
    if (!next) return false;
    const step = next.steps[next.done];
    if (step !== undefined) await run(session, step);
    const steps = Math.min(next.done + 1, next.steps.length);
    const row = [next.version, next.name, steps];
    await session.query(engine.text.upsert(table, ['version', 'name', 'steps'], ['version']), row);
    if (steps === next.steps.length) {
      await session.query(`UPDATE ${table} SET applied_at = ${engine.text.now} WHERE version = ?`, [
        next.version,
      ]);
    }
    return true;
  }

  async function run(session: Session, step: string): Promise<void> {
    try {
      await session.query(step);
    } catch (error) {
      if (!engine.isAlreadyDone(error)) throw error;
    }
  }

  return { check, plan, migrate };
}

function newerThanProgram(
  { name, engine, migration }: Access,
  storeVersion: number,
  programVersion: number,
): LockstepError {
  return new LockstepError(
    'NotPrepared',
    `the ${name} store (${engine.address}) was prepared for ${migration.name} by a newer Lockstep: its control tables are at ` +
      `version ${storeVersion}, and this program knows versions up to ${programVersion}; upgrade this program`,
    { store: name, remedy: 'upgrade this program', measured: { storeVersion, programVersion } },
  );
}
