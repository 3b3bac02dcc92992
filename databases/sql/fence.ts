import { LockstepError } from '../../model/failure.ts';
import type { BoundEntity } from '../columns/bound.ts';
import type { Fence } from '../contract/write.ts';
import type { Session } from '../engine/session.ts';
import type { StoreContext } from './context.ts';
import { entitiesIn } from './definitions.ts';

/**
 * What the write routine does for its items, for work that goes around it: the route cannot change before the transaction
 * ends, nor what the store is prepared for. Throws `Fenced` under another epoch, while the primary is being changed, or where
 * the store has another role; `DefinitionChanged` where it is prepared for another definition of one of the entities.
 *
 * @param closed the work belongs to the change of primary itself: the store must be closed
 */
export async function holdFence(
  context: StoreContext,
  session: Session,
  { migration, epoch, closed = false }: Fence & { readonly closed?: boolean },
  role: 'primary' | 'secondary',
  entities: readonly BoundEntity[],
): Promise<void> {
  await context.engine.shareFence(session, migration);
  const [row] = await session.query(
    `SELECT s.epoch, s.open, s.primary_store,
       (SELECT d.entities FROM ${context.control('definitions')} d WHERE d.migration = s.migration
        ORDER BY d.revision DESC LIMIT 1) AS entities
     FROM ${context.control('state')} s WHERE s.migration = ?`,
    [migration],
  );
  const prepared = entitiesIn(row?.entities);
  for (const bound of row ? entities : []) {
    if (prepared[bound.entity.name]?.fingerprint === context.engine.fingerprint(bound)) continue;
    // Should the tables alone have changed, the next call knows them.
    context.forget(bound.entity);
    throw context.definitionChanged(`this process has another one of ${bound.entity.name}`);
  }
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
