import { LockstepError } from '../../model/failure.ts';
import { type DurableState, phases, routes } from '../../model/phase.ts';
import { attemptIn } from '../engine/branch-name.ts';
import type { Session } from '../engine/session.ts';
import type { StoreContext } from './context.ts';

/** The fence and the durable route, as one store keeps them. */
export function createDurableState(context: StoreContext) {
  async function readState(migration: string): Promise<DurableState | null> {
    const [row] = await context.query(
      `SELECT phase, epoch, open, read_percent, write_percent FROM ${context.control('state')} WHERE migration = ?`,
      [migration],
    );
    if (!row) return null;
    const phase = phases.find((known) => known === row.phase);
    if (!phase) throw new TypeError(`the ${context.name} store's state names an unknown phase`);
    return {
      migration,
      phase,
      epoch: Number(row.epoch),
      open: row.open === '1',
      readPercent: Number(row.read_percent),
      writePercent: Number(row.write_percent),
    };
  }

  async function writeState(state: DurableState): Promise<void> {
    const columns = ['migration', 'phase', 'epoch', 'open', 'primary_store', 'read_percent', 'write_percent'];
    await context.transaction(async (session) => {
      await takeFence(session, state.migration);
      const [row] = await session.query(`SELECT epoch FROM ${context.control('state')} WHERE migration = ?`, [
        state.migration,
      ]);
      if (row && Number(row.epoch) > state.epoch) {
        throw new LockstepError(
          'Fenced',
          `the ${context.name} store is at epoch ${row.epoch} of ${state.migration}; epoch ${state.epoch} is over`,
          { store: context.name },
        );
      }
      await session.query(context.engine.dialect.upsert(context.control('state'), columns, ['migration']), [
        state.migration,
        state.phase,
        state.epoch,
        state.open ? 1 : 0,
        routes[state.phase].primary,
        state.readPercent,
        state.writePercent,
      ]);
    });
  }

  /** Prepared branches of the epoch before hold the fence until they end. */
  async function takeFence(session: Session, migration: string): Promise<void> {
    try {
      await context.translateErrors(() => context.engine.lockFence(session, migration));
    } catch (error) {
      const inDoubt = await branchesOfMigration(migration);
      if (inDoubt === 0) throw error;
      throw new LockstepError(
        'StoreUnavailable',
        `the ${context.name} store cannot take a new epoch of ${migration}: ${inDoubt} transaction${inDoubt === 1 ? ' is' : 's are'} prepared there and in doubt; ` +
          'a worker ends them within moments of their decision, and it is tried again',
        { store: context.name },
        { cause: error },
      );
    }
  }

  async function branchesOfMigration(migration: string): Promise<number> {
    const listed = await context.engine.branches.list().catch(() => []);
    const { database } = context.engine;
    return listed.filter((text) => attemptIn(text, context.name, database)?.migration === migration).length;
  }

  return { readState, writeState };
}
