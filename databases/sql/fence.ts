import { LockstepError } from '../../model/failure.ts';
import type { Fence } from '../contract/write.ts';
import type { Session } from '../engine/session.ts';
import type { StoreContext } from './context.ts';

/**
 * What the write routine does for its items, for work that goes around it: the route cannot change before the transaction
 * ends. Throws `Fenced` under another epoch, while the primary is being changed, or where the store has another role.
 *
 * @param closed the work belongs to the change of primary itself: the store must be closed
 */
export async function holdFence(
  context: StoreContext,
  session: Session,
  { migration, epoch, closed = false }: Fence & { readonly closed?: boolean },
  role: 'primary' | 'secondary',
): Promise<void> {
  await context.engine.shareFence(session, migration);
  const [row] = await session.query(
    `SELECT epoch, open, primary_store FROM ${context.control('state')} WHERE migration = ?`,
    [migration],
  );
  const found = row?.primary_store === context.name ? 'primary' : 'secondary';
  if (row && Number(row.epoch) === epoch && row.open === (closed ? '0' : '1') && found === role) return;
  throw new LockstepError(
    'Fenced',
    role === 'primary'
      ? `the ${context.name} store is not the primary of ${migration} under epoch ${epoch}`
      : `the ${context.name} store takes no copies of ${migration} under epoch ${epoch}`,
    { store: context.name },
  );
}
