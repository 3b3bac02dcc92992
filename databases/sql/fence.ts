import { LockstepError } from '../../model/failure.ts';
import type { Fence } from '../contract/write.ts';
import type { Session } from '../engine/session.ts';
import type { Access } from './context.ts';

/**
 * What the write routine does for its items, for work that goes around it: the route cannot change before the transaction
 * ends. Throws `Fenced` under another epoch, while the primary is being changed, or where the store has another role.
 */
export async function holdFence(
  access: Access,
  session: Session,
  { migration, epoch }: Fence,
  role: 'primary' | 'secondary',
): Promise<void> {
  await access.engine.shareFence(session, migration);
  const [row] = await session.query(
    `SELECT epoch, open, primary_store FROM ${access.control('state')} WHERE migration = ?`,
    [migration],
  );
  const found = row?.primary_store === access.name ? 'primary' : 'secondary';
  if (row && Number(row.epoch) === epoch && row.open === '1' && found === role) return;
  throw new LockstepError(
    'Fenced',
    role === 'primary'
      ? `the ${access.name} store does not decide for ${migration} under epoch ${epoch}`
      : `the ${access.name} store takes no copies of ${migration} under epoch ${epoch}`,
    { store: access.name },
  );
}
