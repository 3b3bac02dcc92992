import { LockstepError } from '../model/failure.ts';
import { type DurableState, phases, routes } from '../model/phase.ts';
import type { Access } from './access.ts';

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
      await access.engine.lockFence(session, state.migration);
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

  return { readState, writeState };
}
