import { LockstepError } from '../../model/failure.ts';
import { type DurableState, phases, routes } from '../../model/phase.ts';
import { attemptIn } from '../engine/branch-name.ts';
import type { Session } from '../engine/session.ts';
import type { Access } from './context.ts';

/** The fence and the durable route, as one store keeps them. */
export function durableState(access: Access) {
  async function readState(migration: string): Promise<DurableState | null> {
    const [row] = await access.query(
      `SELECT phase, epoch, open, read_percent, write_percent FROM ${access.control('state')} WHERE migration = ?`,
      [migration],
    );
    if (!row) return null;
    const phase = phases.find((known) => known === row.phase);
    if (!phase) throw new TypeError(`the ${access.name} store's state names an unknown phase`);
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
    await access.transaction(async (session) => {
      await takeFence(session, state.migration);
      const [row] = await session.query(`SELECT epoch FROM ${access.control('state')} WHERE migration = ?`, [
        state.migration,
      ]);
      if (row && Number(row.epoch) > state.epoch) {
        throw new LockstepError(
          'Fenced',
          `the ${access.name} store is at epoch ${row.epoch} of ${state.migration}; epoch ${state.epoch} is over`,
          { store: access.name },
        );
      }
      await session.query(access.engine.text.upsert(access.control('state'), columns, ['migration']), [
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
      await access.guarded(() => access.engine.lockFence(session, migration));
    } catch (error) {
      const inDoubt = await branchesOfMigration(migration);
      if (inDoubt === 0) throw error;
      throw new LockstepError(
        'StoreUnavailable',
        `the ${access.name} store cannot take a new epoch of ${migration}: ${inDoubt} transaction${inDoubt === 1 ? ' is' : 's are'} prepared there and in doubt; ` +
          'a worker ends them within moments of their decision, and it is tried again',
        { store: access.name },
        { cause: error },
      );
    }
  }

  async function branchesOfMigration(migration: string): Promise<number> {
    const listed = await access.engine.branches.list().catch(() => []);
    const { database } = access.engine;
    return listed.filter((text) => attemptIn(text, access.name, database)?.migration === migration).length;
  }

  return { readState, writeState };
}
