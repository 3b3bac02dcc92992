import { isDeepStrictEqual } from 'node:util';
import { LockstepError } from '../../model/failure.ts';
import { type DurableState, phases, routes } from '../../model/phase.ts';
import { controlRowFault, invalidControlRow } from '../contract/control-row.ts';
import { attemptIn } from '../engine/branch-name.ts';
import type { Session } from '../engine/session.ts';
import type { StoreContext } from './context.ts';
import { throughDeadlocks } from './deadlocks.ts';

const columns = [
  'migration',
  'phase',
  'epoch',
  'change_number',
  'open',
  'primary_store',
  'read_percent',
  'write_percent',
];

/** The fence and the durable route, as one store keeps them. */
export function createDurableState(context: StoreContext) {
  async function readState(migration: string): Promise<DurableState | null> {
    return await stateIn(context, migration);
  }

  async function writeState(state: DurableState, given: { replaces?: number } = {}): Promise<void> {
    await underFence(state.migration, async (session) => {
      const known = await stateIn(session, state.migration);
      // An attempt whose answer was lost is sent again.
      if (isDeepStrictEqual(known, state)) return;
      if (known) assertFollows(known, state);
      if (given.replaces !== undefined && known?.changeNumber !== given.replaces) throw superseded(state);
      await session.query(context.engine.dialect.upsert(context.control('state'), columns, ['migration']), [
        state.migration,
        state.phase,
        state.epoch,
        state.changeNumber,
        state.open ? 1 : 0,
        routes[state.phase].primary,
        state.readPercent,
        state.writePercent,
      ]);
    });
  }

  async function lookAtFence(migration: string): Promise<void> {
    await underFence(migration, async () => undefined);
  }

  /** A server may end this transaction for a deadlock of others whom it waits for. */
  async function underFence(migration: string, work: (session: Session) => Promise<void>): Promise<void> {
    const once = () =>
      context.engine.transaction(async (session) => {
        await takeFence(session, migration);
        await work(session);
      });
    await context.translateErrors(() => throughDeadlocks(context.engine, once));
  }

  /** An attempt that comes late must not bring an old route back. */
  function assertFollows(known: DurableState, state: DurableState): void {
    if (state.changeNumber > known.changeNumber && state.epoch >= known.epoch) return;
    throw superseded(state);
  }

  function superseded({ migration, changeNumber, epoch }: DurableState): LockstepError {
    return new LockstepError(
      'Fenced',
      `the ${context.name} store has a newer route of ${migration} than change ${changeNumber}, epoch ${epoch}`,
      { store: context.name },
    );
  }

  async function stateIn(session: Session, migration: string): Promise<DurableState | null> {
    const [row] = await session.query(
      `SELECT phase, epoch, change_number, open, read_percent, write_percent
       FROM ${context.control('state')} WHERE migration = ?`,
      [migration],
    );
    if (!row) return null;
    const phase = phases.find((known) => known === row.phase);
    const numbers = [row.epoch, row.change_number, row.read_percent, row.write_percent].map(Number);
    if (!phase || numbers.some((number) => !Number.isSafeInteger(number) || number < 0)) {
      const fault = `${phase ? 'a number' : 'the phase'} of ${migration} is none`;
      throw invalidControlRow(controlRowFault('state', fault), context.name);
    }
    return {
      migration,
      phase,
      epoch: Number(row.epoch),
      changeNumber: Number(row.change_number),
      open: row.open === '1',
      readPercent: Number(row.read_percent),
      writePercent: Number(row.write_percent),
    };
  }

  /** Prepared branches of the epoch before hold the fence until they end. */
  async function takeFence(session: Session, migration: string): Promise<void> {
    try {
      await context.engine.lockFence(session, migration);
    } catch (error) {
      if (context.engine.isDeadlock(error)) throw error;
      const inDoubt = await branchesOfMigration(migration);
      if (inDoubt === 0) throw error;
      throw new LockstepError(
        'StoreUnavailable',
        `the ${context.name} store cannot take a new epoch of ${migration}: ${inDoubt} transaction${inDoubt === 1 ? ' is' : 's are'} prepared there and in doubt; ` +
          'a worker ends them within moments of their decision, and it is tried again',
        { store: context.name },
      );
    }
  }

  async function branchesOfMigration(migration: string): Promise<number> {
    const listed = await context.engine.branches.list().catch(() => []);
    const { database } = context.engine;
    return listed.filter((text) => attemptIn(text, context.name, database)?.migration === migration).length;
  }

  return { readState, writeState, lookAtFence };
}
