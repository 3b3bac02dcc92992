import type { Entity, Pattern } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { isLockstepError, nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import { entityNamed } from '../../model/migration.ts';
import type { Operation, WriteRoute } from '../../model/operation.ts';
import { otherStore, routes } from '../../model/phase.ts';
import type { Version } from '../../model/version.ts';
import { isOvertakenRoute, type OpenMigration } from '../contract/current-state.ts';
import { assertSound, knownOutcome } from '../contract/journal.ts';
import { readOne } from '../contract/read-one.ts';
import type { RecordedRefusal } from '../contract/recorded-refusal.ts';
import type { Outcome } from '../contract/write.ts';
import { definitionRefusal, isOfOtherDefinition } from './definition-refusal.ts';
import { primaryItem } from './primary-item.ts';
import { unfitRefusal } from './unfit.ts';
import { resultOf, type WriteResult } from './write-result.ts';

/** A write, and the route by which it is decided. */
export interface Decidable {
  readonly operation: Operation;
  readonly pattern: Pattern;
  readonly route: WriteRoute;
}

/** A write that its secondary refused, and whose undo has begun. */
export type BeingUndone = Extract<Outcome, { status: 'known' }> & {
  readonly version: Version;
  readonly refusal: RecordedRefusal;
};

type EndUndo = (known: BeingUndone) => Promise<WriteResult>;

/** How often an image is computed anew because its record has changed meanwhile. */
export const staleBaseAttempts = 10;

/**
 * The guarded write at the primary: it decides about version and refusal. A worker calls it for a workflow, and a service for an
 * entity that is entered by the journal.
 *
 * @param endUndo ends what was begun for an earlier try of the same operation, before its repeat is answered; only `parallel`
 *   has it
 * @throws LockstepError `StoreUnavailable`, `WriteConflict` and `Fenced`, which another try may change; `DefinitionChanged`
 */
export async function decideAtPrimary(
  open: OpenMigration,
  write: Decidable,
  endUndo?: EndUndo,
): Promise<WriteResult> {
  if (isOvertakenRoute(open.migration, write.route)) return { status: 'fenced' };
  try {
    return await decide(open, write, endUndo);
  } catch (error) {
    if (isLockstepError(error, 'StoreUnavailable') && (await hasMoved(open, write.route)))
      return { status: 'fenced' };
    throw error;
  }
}

/** A store that does not answer any more may have ceased to be the primary: then the new one knows what it has decided. */
async function hasMoved(
  { migration, stores }: OpenMigration,
  { primary, epoch }: WriteRoute,
): Promise<boolean> {
  const other = otherStore(primary);
  const state = await stores[other].readState(migration.name).catch(nullWhereUnavailable);
  if (!state?.open || state.epoch <= epoch) return false;
  return routes[state.phase].primary === other;
}

async function decide(
  open: OpenMigration,
  write: Decidable,
  endUndo: EndUndo | undefined,
): Promise<WriteResult> {
  const { migration, stores } = open;
  const { operation, route, pattern } = write;
  const entity = entityNamed(migration, operation.entity);
  const store = stores[route.primary];
  if (isOfOtherDefinition(entity, operation)) {
    const message = await definitionRefusal(store, entity, operation);
    return await knownOr(open, write, { status: 'refused', code: 'DefinitionChanged', message });
  }
  const needsBefore = operation.kind === 'update' || (pattern === 'parallel' && operation.kind !== 'create');
  for (let attempt = 1; attempt <= staleBaseAttempts; attempt++) {
    const stored = needsBefore ? await readOne(store, entity, operation.key) : null;
    const item = await primaryItem(entity, operation, stored, route);
    if ('refused' in item) return await refuse(open, write, entity, item.refused);
    const unfit = await unfitRefusal(open, entity, { ...operation, image: item.image }, route);
    if (unfit) return await refuse(open, write, entity, unfit);
    const [outcome] = await store.write(entity, [item], { migration: migration.name, epoch: route.epoch });
    if (!outcome) throw new TypeError('a write gave no outcome for its item');
    if (outcome.status === 'stale-base') continue;
    if (endUndo && isBeingUndone(outcome)) return await endUndo(outcome);
    return resultOf(store, entity, operation, outcome);
  }
  throw new LockstepError(
    'WriteConflict',
    `a key of ${entity.name} changed ${staleBaseAttempts} times while operation ${operation.id} was computed; it is tried again`,
    { entity: entity.name, operationId: operation.id },
  );
}

function isBeingUndone(outcome: Outcome): outcome is BeingUndone {
  if (outcome.status !== 'known' || outcome.version === null) return false;
  return outcome.refusal !== undefined && (outcome.recorded === 'pending' || outcome.recorded === 'parked');
}

/**
 * What is refused before the store is asked to write. A repeat has the outcome of the first try, even where what the record has
 * become since would refuse it, or take it; and only the primary can say what that is.
 */
async function refuse(
  { migration, stores }: OpenMigration,
  { operation, route }: Decidable,
  entity: Entity,
  refusal: RecordedRefusal,
): Promise<WriteResult> {
  const store = stores[route.primary];
  const { id, key, kind } = operation;
  const fence = { migration: migration.name, epoch: route.epoch };
  try {
    const [entry] = await store.refuse(entity, [{ id, key, kind, refusal }], fence);
    if (!entry) throw new TypeError('a refusal gave no entry for its operation');
    assertSound(entry, store.name);
    return resultOf(store, entity, operation, knownOutcome(entry, operation));
  } catch (error) {
    if (!(error instanceof LockstepError) || error.code !== 'Fenced') throw error;
    return { status: 'fenced' };
  }
}

/** Of another definition: the operation is not this one when it is made anew, so nothing is noted of it. */
async function knownOr(
  { migration, stores }: OpenMigration,
  { operation, route }: Decidable,
  refused: WriteResult,
): Promise<WriteResult> {
  const store = stores[route.primary];
  const [entry] = await store.journal({ migration: migration.name, ids: [operation.id], limit: 1 });
  if (entry) assertSound(entry, store.name);
  if (entry)
    return resultOf(
      store,
      entityNamed(migration, operation.entity),
      operation,
      knownOutcome(entry, operation),
    );
  const state = await store.readState(migration.name);
  return state?.epoch === route.epoch && state.open ? refused : { status: 'fenced' };
}
