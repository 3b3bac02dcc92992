import { readOne } from '../../databases/contract/read-one.ts';
import type { Store } from '../../databases/contract/store.ts';
import type { Outcome, WriteItem } from '../../databases/contract/write.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import type { AnyFailureCode } from '../../model/failure-codes.ts';
import { entityNamed } from '../../model/migration.ts';
import type { Operation, OperationStatus, WriteInput, WriteRoute } from '../../model/operation.ts';
import type { Version } from '../../model/version.ts';
import type { ActivityContext } from '../context.ts';
import { writeMetrics } from '../metrics.ts';
import { assertSameDefinition, definitionRefusal, isOfOtherDefinition } from './definition-refusal.ts';
import { primaryItem, sharedVersionsOf } from './primary-item.ts';
import { tooFineResult } from './too-fine.ts';
import { knownResult, resultOf, type WriteResult } from './write-result.ts';

const staleBaseAttempts = 10;

export function createWriteActivities(context: ActivityContext) {
  const { migration, stores } = context;
  const metrics = writeMetrics(context);

  /** The guarded write at the primary: it decides about version and refusal. */
  async function writePrimary(input: WriteInput): Promise<WriteResult> {
    const at = { store: input.route.primary, entity: input.operation.entity };
    const { result, timing } = await metrics.attempt(at, () => decideAtPrimary(input));
    return result.status === 'applied' ? { ...result, timing } : result;
  }

  async function decideAtPrimary(input: WriteInput): Promise<WriteResult> {
    const { operation, route } = input;
    const entity = entityNamed(migration, operation.entity);
    const store = stores[route.primary];
    if (isOfOtherDefinition(entity, operation)) return await refuseOrRecall(store, entity, operation);
    const hasSecondary = route.secondary !== null;
    const needsBefore =
      operation.kind === 'update' || (input.pattern === 'parallel' && operation.kind !== 'create');
    for (let attempt = 1; attempt <= staleBaseAttempts; attempt++) {
      const stored = needsBefore ? await readOne(store, entity, operation.key) : null;
      const item = await primaryItem(entity, operation, stored, hasSecondary);
      if ('refused' in item) return item.refused;
      const tooFine = await tooFineResult(context, entity, { ...operation, image: item.image }, route);
      if (tooFine) return tooFine;
      const outcome = onlyOutcome(
        await store.write(entity, [item], { migration: migration.name, epoch: route.epoch }),
      );
      if (outcome.status !== 'stale-base') return resultOf(store, entity, operation, outcome);
    }
    throw new LockstepError(
      'WriteConflict',
      `a key of ${entity.name} changed ${staleBaseAttempts} times while operation ${operation.id} was computed; it is tried again`,
      { entity: entity.name, operationId: operation.id },
    );
  }

  /** What it came to when it was sent before, if it was. */
  async function refuseOrRecall(store: Store, entity: Entity, operation: Operation): Promise<WriteResult> {
    const message = await definitionRefusal(store, entity, operation);
    const [entry] = await store.journal({ migration: migration.name, ids: [operation.id], limit: 1 });
    if (!entry) return { status: 'refused', code: 'DefinitionChanged', message };
    const { version, status: recorded, reason } = entry;
    return knownResult(entity, operation, { status: 'known', version, recorded, reason });
  }

  /** For `parallel`: the secondary takes the image with the proposed version, at the same time as the primary. */
  async function writeSecondary({ operation, route }: WriteInput): Promise<WriteResult> {
    if (!route.secondary) throw new TypeError('a route without secondary has no secondary write');
    const store = stores[route.secondary];
    const at = { store: store.name, entity: operation.entity };
    const { result } = await metrics.attempt(at, () => applyAtSecondary(store, operation, route));
    return result;
  }

  async function applyAtSecondary(
    store: Store,
    operation: Operation,
    route: WriteRoute,
  ): Promise<WriteResult> {
    const entity = entityNamed(migration, operation.entity);
    assertSameDefinition(store, entity, operation);
    const tooFine = await tooFineResult(context, entity, operation, route);
    if (tooFine) return tooFine;
    const item: WriteItem = {
      mode: 'secondary',
      kind: operation.kind,
      key: operation.key,
      image: operation.image,
      version: operation.proposed,
      operationId: operation.id,
      status: 'completed',
      sharedVersions: operation.image
        ? sharedVersionsOf(entity, operation.image, null, operation.proposed)
        : [],
    };
    const outcome = onlyOutcome(
      await store.write(entity, [item], { migration: migration.name, epoch: route.epoch }),
    );
    if (outcome.status === 'superseded') return { status: 'applied', version: outcome.version };
    return resultOf(store, entity, operation, outcome);
  }

  /**
   * What became of an operation in a store that decided under an epoch that is over there: the fence waited for every try that
   * ran, and lets none in. Unlike closing the id this leaves it free, because the primary may change back.
   */
  async function findFenced(request: {
    operation: Operation;
    store: WriteRoute['primary'];
    epoch: number;
  }): Promise<{ status: OperationStatus; version: Version | null } | null> {
    const { operation, store, epoch } = request;
    const state = await stores[store].readState(migration.name);
    if (state === null || state.epoch <= epoch) {
      throw new LockstepError(
        'Fenced',
        `operation ${operation.id} waits: the ${store} store has not heard yet that epoch ${epoch} of ${migration.name} is over`,
        { store },
      );
    }
    const [entry] = await stores[store].journal({
      migration: migration.name,
      ids: [operation.id],
      limit: 1,
    });
    return entry ? { status: entry.status, version: entry.version } : null;
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
    writeSecondary,
    findFenced,
    closeOperation,
    parkOperation,
    setOperationStatus,
  };
}

function onlyOutcome(outcomes: readonly Outcome[]): Outcome {
  const [outcome] = outcomes;
  if (!outcome) throw new TypeError('a write gave no outcome for its item');
  return outcome;
}
