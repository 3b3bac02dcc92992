import { currentState, type OpenMigration, seenState } from '../../databases/contract/current-state.ts';
import { isOfOtherDefinition } from '../../databases/deciding/definition-refusal.ts';
import { operationFault } from '../../databases/deciding/operation-fault.ts';
import type { Pattern } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { entityNamed, type Migration } from '../../model/migration.ts';
import { type Operation, routeOf, type WriteRoute } from '../../model/operation.ts';
import { flagsApplyIn } from '../../model/phase.ts';

/**
 * Throws `InvalidRequest` where an operation is not one that a service of ours would have made. One of another definition is left to
 * those who tell that.
 *
 * @param pattern as the request says; absent, it has none to say
 */
export function assertSoundOperations(
  migration: Migration,
  operations: readonly Operation[],
  pattern?: Pattern,
): void {
  for (const operation of operations) {
    const entity = entityNamed(migration, operation.entity);
    if (isOfOtherDefinition(entity, operation)) continue;
    const isOtherPattern = pattern !== undefined && pattern !== entity.pattern;
    const fault = isOtherPattern
      ? { path: 'pattern', reason: `is not that of ${entity.name}` }
      : operationFault(entity, operation, Date.now());
    if (fault === null) continue;
    throw new LockstepError(
      'InvalidRequest',
      `${entity.name}: operation ${operation.id} is not what it should be at ${fault.path}: ${fault.reason}`,
      { entity: entity.name, operationId: operation.id, path: fault.path },
    );
  }
}

/**
 * Whether the epoch's route is the one that is given. Of an epoch that is over, or to come, the store's fence says so.
 *
 * @throws LockstepError `InvalidRequest` where a write leaves the secondary out that no flag may keep from it
 */
export async function isSoundRoute(
  open: OpenMigration,
  given: WriteRoute,
  operations: readonly Operation[],
): Promise<boolean> {
  const seen = seenState(open.migration);
  const state = seen?.epoch === given.epoch ? seen : await currentState(open);
  if (state.epoch !== given.epoch) return true;
  const { primary, secondary } = routeOf(state);
  if (given.primary !== primary) return false;
  if (given.secondary === secondary) return true;
  if (given.secondary !== null) return false;
  assertFlagsDecide(open.migration, operations);
  return flagsApplyIn(state.phase);
}

function assertFlagsDecide(migration: Migration, operations: readonly Operation[]): void {
  for (const { id, entity } of operations) {
    if (entityNamed(migration, entity).pattern === 'flag-controlled') continue;
    throw new LockstepError(
      'InvalidRequest',
      `${entity}: operation ${id} leaves the secondary out, which only flag-controlled writes may`,
      { entity, operationId: id, path: 'route.secondary' },
    );
  }
}
