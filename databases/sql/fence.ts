import { LockstepError } from '../../model/failure.ts';
import type { BoundEntity } from '../columns/bound.ts';
import type { Fence } from '../contract/write.ts';
import type { Session } from '../engine/session.ts';
import type { StoreContext } from './context.ts';
import { entitiesIn } from './definitions.ts';

/** A route, as one store has it. */
export interface HeldRoute {
  readonly epoch: number;
  readonly open: boolean;
  readonly primary: string | null;
}

/**
 * The route of a migration, which cannot change before the transaction ends, nor what the store is prepared for. Null where
 * there is none. Throws `DefinitionChanged` where the store is prepared for another definition of one of the entities.
 */
export async function heldRoute(
  context: StoreContext,
  session: Session,
  migration: string,
  entities: readonly BoundEntity[],
): Promise<HeldRoute | null> {
  const row = await context.engine.shareFence(
    session,
    migration,
    (name) => `SELECT s.epoch, s.open, s.primary_store,
       (SELECT d.entities FROM ${context.control('definitions')} d WHERE d.migration = ${name}
        ORDER BY d.revision DESC LIMIT 1) AS entities
     FROM ${context.control('state')} s WHERE s.migration = ${name}`,
  );
  if (!row) return null;
  const prepared = entitiesIn(row.entities);
  for (const bound of entities) {
    if (prepared[bound.entity.name]?.fingerprint === context.engine.fingerprint(bound)) continue;
    // Should the tables alone have changed, the next call knows them.
    context.forget(bound.entity);
    throw context.definitionChanged(`this process has another one of ${bound.entity.name}`);
  }
  return { epoch: Number(row.epoch), open: row.open === '1', primary: row.primary_store ?? null };
}

/**
 * For work that goes around the write routine: throws `Fenced` under another epoch, while the primary is being changed, or where
 * the store has another role; otherwise as `heldRoute`.
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
  const route = await heldRoute(context, session, migration, entities);
  const found = route?.primary === context.name ? 'primary' : 'secondary';
  if (route && route.epoch === epoch && route.open === !closed && found === role) return;
  throw new LockstepError(
    'Fenced',
    role === 'primary'
      ? `the ${context.name} store is not the primary of ${migration} under epoch ${epoch}`
      : `the ${context.name} store takes no copies of ${migration} under epoch ${epoch}`,
    { store: context.name },
  );
}
