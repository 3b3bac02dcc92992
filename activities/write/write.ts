import { assertSound } from '../../databases/contract/journal.ts';
import type { Store } from '../../databases/contract/store.ts';
import type { WriteItem } from '../../databases/contract/write.ts';
import { type BeingUndone, decideAtPrimary } from '../../databases/deciding/decide.ts';
import { assertSameDefinition } from '../../databases/deciding/definition-refusal.ts';
import { unfitRefusal } from '../../databases/deciding/unfit.ts';
import {
  refusedResult,
  resultOf,
  type TentativeResult,
  type WriteResult,
} from '../../databases/deciding/write-result.ts';
import { failureIn } from '../../model/carried-failure.ts';
import { LockstepError } from '../../model/failure.ts';
import type { AnyFailureCode } from '../../model/failure-codes.ts';
import { entityNamed } from '../../model/migration.ts';
import type { Operation, OperationStatus, WriteInput, WriteRoute } from '../../model/operation.ts';
import { withinLimit } from '../../model/time-limit.ts';
import { unforeseen } from '../../model/unforeseen.ts';
import type { Version } from '../../model/version.ts';
import type { ActivityContext } from '../context.ts';
import { writeMetrics } from '../metrics.ts';
import type { ReplicationRequest } from './replicate.ts';
import { assertSoundOperations, isSoundRoute } from './sound-operations.ts';
import { doesNotAnswer } from './store-outage.ts';
import { createUndoActivities } from './undo.ts';
import type { PrimaryResult } from './write-result.ts';

/** So long the other store may take, because the answer to the caller waits for it. */
const atOnceMs = 500;

type Applied = Extract<WriteResult, { readonly status: 'applied' }>;

/** @param replicateToSecondary brings the other store to what the primary has decided */
export function createWriteActivities(
  context: ActivityContext,
  replicateToSecondary: (request: ReplicationRequest) => Promise<WriteResult>,
) {
  const { migration, stores, log } = context;
  const metrics = writeMetrics(context);
  const { undoOperation } = createUndoActivities(context);

  /**
   * The guarded write at the primary: it decides about version and refusal. What it has applied is given to the other store at once, in
   * the same activity, because each activity costs the workflow a turn in its sandbox.
   *
   * @param alone leaves the other store to the caller; `parallel` always does, whose other store is asked by the workflow itself
   */
  async function writePrimary(input: WriteInput, { alone = false } = {}): Promise<PrimaryResult> {
    const decided = await decideHere(input);
    if (decided.status !== 'applied' || !input.route.secondary) return decided;
    if (alone || input.pattern === 'parallel') return decided;
    return { ...decided, atOnce: await replicateAtOnce(input, decided) };
  }

  /** Null where it came to nothing, for whatever reason: the decision stands, and the workflow goes on from there. */
  async function replicateAtOnce(
    { operation: { id, entity, key }, route }: WriteInput,
    { version, timing }: Applied,
  ): Promise<WriteResult | null> {
    const operation = { id, entity, key };
    const { primary: decidedBy, secondary } = route;
    if (!secondary) throw new TypeError('a route without secondary has nothing to replicate to');
    const request = { operation, route, decidedBy, version, tentativeIn: null, timing: timing ?? null };
    try {
      return await withinLimit(replicateToSecondary(request), atOnceMs, () => doesNotAnswer(secondary));
    } catch (error) {
      log('the secondary did not take the write at once; it is retried until it does', {
        operationId: id,
        reason: failureIn(error)?.message ?? unforeseen(error).message,
      });
      return null;
    }
  }

  async function decideHere(input: WriteInput): Promise<WriteResult> {
    const { operation, pattern, route } = input;
    assertSoundOperations(migration, [operation], pattern);
    if (!(await isSoundRoute(context, route, [operation]))) return { status: 'fenced' };
    const at = { store: route.primary, entity: operation.entity };
    const { result, timing } = await metrics.attempt(at, () =>
      decideAtPrimary(context, input, (known) => endUndo(input, known)),
    );
    return result.status === 'applied' ? { ...result, timing } : result;
  }

  /** A repeat whose first workflow was lost while it undid the write: the undo is ended before the caller is told. */
  async function endUndo({ operation, route }: WriteInput, known: BeingUndone): Promise<WriteResult> {
    const { version, refusal } = known;
    const entity = entityNamed(migration, operation.entity);
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

  /** For `parallel`: the secondary takes the image at the same time as the primary, which may yet refuse it. */
  async function writeTentative({ operation, route }: WriteInput): Promise<TentativeResult> {
    if (!route.secondary) throw new TypeError('a route without secondary has no secondary write');
    assertSoundOperations(migration, [operation], 'parallel');
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
    const unfit = await unfitRefusal(context, entity, operation, route);
    if (unfit) return refusedResult(entity, operation, unfit);
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
    const [outcome] = await store.write(entity, [item], { migration: migration.name, epoch: route.epoch });
    if (!outcome) throw new TypeError('a write gave no outcome for its item');
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
    if (entry) assertSound(entry, store);
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
