import { definitionDigest } from '../../model/definition.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import type { Operation } from '../../model/operation.ts';
import type { Store } from '../contract/store.ts';

/** Whether a service made the operation by another definition than this worker's. */
export function isOfOtherDefinition(entity: Entity, operation: Operation): boolean {
  return operation.definition !== definitionDigest(entity);
}

/**
 * Why an operation of another definition is refused: its image lacks what its service does not know, and would erase it. Throws
 * `DefinitionChanged` where the worker is the one that is behind, so that another takes the work.
 */
export async function definitionRefusal(store: Store, entity: Entity, operation: Operation): Promise<string> {
  await store.assertDefinition();
  return `${entity.name}: operation ${operation.id} was made by another definition than the ${store.name} store is prepared for; nothing was written. Restart the service with the new definition, then send it again`;
}

/** For steps that have an alternative. */
export function assertSameDefinition(store: Store, entity: Entity, operation: Operation): void {
  if (!isOfOtherDefinition(entity, operation)) return;
  throw new LockstepError(
    'DefinitionChanged',
    `${entity.name}: operation ${operation.id} was made by another definition than this worker's`,
    { store: store.name, entity: entity.name, operationId: operation.id },
  );
}
