import { isOvertakenRoute } from '../../databases/contract/current-state.ts';
import { knownOutcome } from '../../databases/contract/journal.ts';
import { readOne } from '../../databases/contract/read-one.ts';
import type { RecordedRefusal } from '../../databases/contract/recorded-refusal.ts';
import type { Store } from '../../databases/contract/store.ts';
import type { Outcome, WriteItem } from '../../databases/contract/write.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import type { AnyFailureCode } from '../../model/failure-codes.ts';
import { isLockstepError, nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import { entityNamed } from '../../model/migration.ts';
import type { Operation, OperationStatus, WriteInput, WriteRoute } from '../../model/operation.ts';
import { otherStore, routes } from '../../model/phase.ts';
import type { Version } from '../../model/version.ts';
import type { ActivityContext } from '../context.ts';
import { writeMetrics } from '../metrics.ts';
import { assertSameDefinition, definitionRefusal, isOfOtherDefinition } from './definition-refusal.ts';
import { primaryItem } from './primary-item.ts';
import { tooFineRefusal } from './too-fine.ts';
import { createUndoActivities } from './undo.ts';
import { refusedResult, resultOf, type TentativeResult, type WriteResult } from './write-result.ts';

const staleBaseAttempts = 10;

export function createWriteActivities(context: ActivityContext) {
  const { migration, stores } = context;
  const metrics = writeMetrics(context);
  const { undoOperation } = createUndoActivities(context);

  /** The guarded write at the primary: it decides about version and refusal. */
  async function writePrimary(input: WriteInput): Promise<WriteResult> {
    const at = { store: input.route.primary, entity: input.operation.entity };
    const { result, timing } = await metrics.attempt(at, () => decideUnlessMoved(input));
    return result.status === 'applied' ? { ...result, timing } : result;
  }

  /** A store that does not answer any more may have ceased to be the primary: then the new one knows what it has decided. */
  async function decideUnlessMoved(input: WriteInput): Promise<WriteResult> {
    if (isOvertakenRoute(migration, input.route)) return { status: 'fenced' };
    try {
      return await decideAtPrimary(input);
    } catch (error) {
      if (isLockstepError(error, 'StoreUnavailable') && (await hasMoved(input.route)))
        return { status: 'fenced' };
      throw error;
    }
  }

  async function hasMoved({ primary, epoch }: WriteRoute): Promise<boolean> {
    const other = otherStore(primary);
    const state = await stores[other].readState(migration.name).catch(nullWhereUnavailable);
    if (!state?.open || state.epoch <= epoch) return false;
    return routes[state.phase].primary === other;
  }

  async function decideAtPrimary(input: WriteInput): Promise<WriteResult> {
    const { operation, route } = input;
    const entity = entityNamed(migration, operation.entity);
    const store = stores[route.primary];
    if (isOfOtherDefinition(entity, operation)) {
      const message = await definitionRefusal(store, entity, operation);
      return await knownOr(input, { status: 'refused', code: 'DefinitionChanged', message });
    }
    const needsBefore =
      operation.kind === 'update' || (input.pattern === 'parallel' && operation.kind !== 'create');
    for (let attempt = 1; attempt <= staleBaseAttempts; attempt++) {
      const stored = needsBefore ? await readOne(store, entity, operation.key) : null;
      const item = await primaryItem(entity, operation, stored, route);
      if ('refused' in item) return await refuse(input, entity, item.refused);
      const tooFine = await tooFineRefusal(context, entity, { ...operation, image: item.image }, route);
      if (tooFine) return await refuse(input, entity, tooFine);
      const outcome = onlyOutcome(
        await store.write(entity, [item], { migration: migration.name, epoch: route.epoch }),
      );
      if (outcome.status === 'stale-base') continue;
      if (isBeingUndone(outcome)) return await endUndo(input, entity, outcome);
      return resultOf(store, entity, operation, outcome);
    }
    throw new LockstepError(
      'WriteConflict',
      `a key of ${entity.name} changed ${staleBaseAttempts} times while operation ${operation.id} was computed; it is tried again`,
      { entity: entity.name, operationId: operation.id },
    );
  }

  /** A repeat whose first workflow was lost while it undid the write: the undo is ended before the caller is told. */
  async function endUndo(
    { operation, route }: WriteInput,
    entity: Entity,
    known: BeingUndone,
  ): Promise<WriteResult> {
    const { version, refusal } = known;
    const undone = await undoOperation({ operation, route, version, refusal, leavesTentative: true });
    switch (undone.status) {
      case 'applied':
        return resultOf(stores[route.primary], entity, operation, { ...known, recorded: 'compensated' });
      case 'stands':
        return { status: 'applied', version };
      case 'fenced':
        return undone;
      default: {
        const why = 'message' in undone ? undone.message : 'the undo was aborted';
        throw new LockstepError(
          'CompensationFailed',
          `${refusal.message}; its compensation failed: ${why}; an operator decides (lockstep writes show ${operation.id})`,
          { entity: entity.name, operationId: operation.id },
        );
      }
    }
  }

  /**
   * What is refused before the store is asked to write. A repeat has the outcome of the first try, even where what the record has
   * become since would refuse it, or take it; and only the primary can say what that is.
   */
  async function refuse(
    { operation, route }: WriteInput,
    entity: Entity,
    refusal: RecordedRefusal,
  ): Promise<WriteResult> {
    const store = stores[route.primary];
    const { id, key, kind } = operation;
    const fence = { migration: migration.name, epoch: route.epoch };
    try {
      const [entry] = await store.refuse(entity, [{ id, key, kind, refusal }], fence);
      if (!entry) throw new TypeError('a refusal gave no entry for its operation');
      return resultOf(store, entity, operation, knownOutcome(entry));
    } catch (error) {
      if (!(error instanceof LockstepError) || error.code !== 'Fenced') throw error;
      return { status: 'fenced' };
    }
  }

  /** Of another definition: the operation is not this one when it is made anew, so nothing is noted of it. */
  async function knownOr({ operation, route }: WriteInput, refused: WriteResult): Promise<WriteResult> {
    const store = stores[route.primary];
    const [entry] = await store.journal({ migration: migration.name, ids: [operation.id], limit: 1 });
    if (entry)
      return resultOf(store, entityNamed(migration, operation.entity), operation, knownOutcome(entry));
    const state = await store.readState(migration.name);
    return state?.epoch === route.epoch && state.open ? refused : { status: 'fenced' };
  }

  /** For `parallel`: the secondary takes the image at the same time as the primary, which may yet refuse it. */
  async function writeTentative({ operation, route }: WriteInput): Promise<TentativeResult> {
    if (!route.secondary) throw new TypeError('a route without secondary has no secondary write');
    const store = stores[route.secondary];
    const at = { store: store.name, entity: operation.entity };
    const { result } = await metrics.attempt(at, () => takeTentatively(store, operation, route));
    return result;
  }

  async function takeTentatively(
    store: Store,
    operation: Operation,
    route: WriteRoute,
  ): Promise<TentativeResult> {
    const entity = entityNamed(migration, operation.entity);
    assertSameDefinition(store, entity, operation);
    const tooFine = await tooFineRefusal(context, entity, operation, route);
    if (tooFine) return refusedResult(entity, operation, tooFine);
    const item: WriteItem = {
      mode: 'tentative',
      kind: operation.kind,
      key: operation.key,
      image: operation.image,
      version: operation.proposed,
      operationId: operation.id,
      status: 'tentative',
      // They come in where they are absent. What they change in others' records is for the primary to decide.
      sharedVersions: [],
    };
    const outcome = onlyOutcome(
      await store.write(entity, [item], { migration: migration.name, epoch: route.epoch }),
    );
    if (outcome.status === 'known') return { status: 'taken' };
    const result = resultOf(store, entity, operation, outcome);
    return result.status === 'applied' ? { status: 'taken' } : result;
  }

  /**
   * Closes an operation id at the primary, so that no zombie commits it later; says what had become of it, or that the
   * store is not the primary any more.
   */
  async function closeAtPrimary({
    operation: { id, entity, key, kind },
    route: { primary, epoch },
  }: Pick<WriteInput, 'operation' | 'route'>): Promise<{
    status: OperationStatus | 'fenced';
    version: Version | null;
  }> {
    try {
      const entry = await stores[primary].abort({ id, entity, key, kind }, migration.name, {
        primary: { epoch },
      });
      return { status: entry.status, version: entry.version };
    } catch (error) {
      if (!(error instanceof LockstepError) || error.code !== 'Fenced') throw error;
      return { status: 'fenced', version: null };
    }
  }

  /** Closes an operation id in a store, so that no zombie commits it later; says what had become of it. */
  async function closeOperation(request: {
    operation: Operation;
    store: WriteRoute['primary'];
  }): Promise<{ status: OperationStatus; version: Version | null; reason: string | null }> {
    const { operation, store } = request;
    const { id, entity, key, kind } = operation;
    const entry = await stores[store].abort({ id, entity, key, kind }, migration.name);
    return { status: entry.status, version: entry.version, reason: entry.reason };
  }

  /** Gives the status that the journal has then: an operation that is finished already is not parked. */
  async function parkOperation(request: {
    store: WriteRoute['primary'];
    operationId: string;
    failure: AnyFailureCode;
    reason: string;
    /** It took effect in this store and could not be undone. */
    undoing: boolean;
  }): Promise<OperationStatus> {
    const { store, operationId, failure, reason, undoing } = request;
    await stores[store].park(operationId, { failure, reason, undoing });
    const [entry] = await stores[store].journal({ migration: migration.name, ids: [operationId], limit: 1 });
    return entry?.status ?? 'parked';
  }

  async function setOperationStatus(request: {
    store: WriteRoute['primary'];
    operationId: string;
    status: OperationStatus;
    reason: string | null;
  }): Promise<void> {
    await stores[request.store].setOperationStatus(
      [request.operationId],
      request.status,
      request.reason ?? undefined,
    );
  }

  return {
    writePrimary,
    writeTentative,
    closeAtPrimary,
    closeOperation,
    parkOperation,
    setOperationStatus,
  };
}

type BeingUndone = Extract<Outcome, { status: 'known' }> & {
  readonly version: Version;
  readonly refusal: RecordedRefusal;
};

function isBeingUndone(outcome: Outcome): outcome is BeingUndone {
  if (outcome.status !== 'known' || outcome.version === null) return false;
  return outcome.refusal !== undefined && (outcome.recorded === 'pending' || outcome.recorded === 'parked');
}

function onlyOutcome(outcomes: readonly Outcome[]): Outcome {
  const [outcome] = outcomes;
  if (!outcome) throw new TypeError('a write gave no outcome for its item');
  return outcome;
}
