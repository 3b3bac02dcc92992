import type { ControlMigration } from '../engine/control-migrations.ts';
import type { Engine } from '../engine/engine.ts';
import type { Session } from '../engine/session.ts';

/** What every store has, whatever its engine, once it is prepared. */
export const controlTables = [
  'migrations',
  'records',
  'operations',
  'state',
  'chunks',
  'differences',
  'decisions',
  'captured',
  'sightings',
  'definitions',
  'retired',
  'read_counts',
  'waiting',
] as const;

export type ControlTable = (typeof controlTables)[number];

/** How far the control tables of a store are. */
export interface ControlState {
  readonly storeVersion: number;
  /** What this program knows, and needs. */
  readonly programVersion: number;
  /** In order. */
  readonly missing: readonly MissingMigration[];
  /** Tables that the store had at its version, and has no more. */
  readonly lost: readonly ControlTable[];
}

/** A migration that is not applied yet, or not all of it. */
interface MissingMigration extends ControlMigration {
  /** How many of its steps have been run. */
  readonly done: number;
}

export async function controlState(engine: Engine, session: Session = engine): Promise<ControlState> {
  const known = await engine.controlMigrations();
  const tables = (await session.query(engine.dialect.controlTables)).map(({ name }) => name);
  const rows = tables.includes('migrations')
    ? await session.query(`SELECT version, steps, applied_at FROM ${engine.dialect.control('migrations')}`)
    : [];
  const missing = known.flatMap((migration) => {
    const row = rows.find(({ version }) => Number(version) === migration.version);
    return row?.applied_at ? [] : [{ ...migration, done: Number(row?.steps ?? 0) }];
  });
  const newest = Math.max(0, ...rows.map(({ version }) => Number(version)));
  const [first] = missing;
  return {
    storeVersion: first && newest <= known.length ? first.version - 1 : newest,
    programVersion: known.length,
    missing,
    lost: first ? [] : controlTables.filter((name) => !tables.includes(name)),
  };
}

/** The SQL that is still to be run, under the names of its files. */
export function missingSql({ missing }: ControlState): string[] {
  return missing.flatMap(({ name, steps, done }) =>
    steps.slice(done).map((step, index) => (index === 0 ? `-- ${name}\n${step}` : step)),
  );
}

/** Runs one step of a migration, and notes it. A crash between the two is made good when it is run again. */
export async function applyStep(engine: Engine, session: Session, next: MissingMigration): Promise<void> {
  const table = engine.dialect.control('migrations');
  const step = next.steps[next.done];
  if (step !== undefined) {
    try {
      await session.query(step);
    } catch (error) {
      if (!engine.isAlreadyDone(error)) throw error;
    }
  }
  const steps = Math.min(next.done + 1, next.steps.length);
  await session.query(engine.dialect.upsert(table, ['version', 'name', 'steps'], ['version']), [
    next.version,
    next.name,
    steps,
  ]);
  if (steps < next.steps.length) return;
  await session.query(`UPDATE ${table} SET applied_at = ${engine.dialect.now} WHERE version = ?`, [
    next.version,
  ]);
}
