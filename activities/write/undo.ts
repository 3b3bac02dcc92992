import { assertSound } from '../../databases/contract/journal.ts';
import { readOne } from '../../databases/contract/read-one.ts';
import type { RecordedRefusal } from '../../databases/contract/recorded-refusal.ts';
import type { Store } from '../../databases/contract/store.ts';
import type { StoredRecord } from '../../databases/contract/write.ts';
import {
  type JournaledOperation,
  resultOf,
  type WriteResult,
} from '../../databases/deciding/write-result.ts';
import type { Image } from '../../model/canonical.ts';
import { LockstepError } from '../../model/failure.ts';
import { entityNamed } from '../../model/migration.ts';
import type { WriteRoute } from '../../model/operation.ts';
import { isNewer, type Version } from '../../model/version.ts';
import type { ActivityContext } from '../context.ts';
import { convergeKeys } from './converge.ts';
import { restore } from './restore.ts';

/** `stands`: both stores have the operation by now, so that nothing is left to undo. */
export type UndoResult = WriteResult | { readonly status: 'stands'; readonly version: Version };

export interface UndoRequest {
  readonly operation: JournaledOperation;
  readonly route: WriteRoute;
  /** That the primary gave. */
  readonly version: Version;
  /** What the secondary said, where that is the outcome of the operation (`parallel`); null where a person has it undone. */
  readonly refusal: RecordedRefusal | null;
  /** The secondary may be taking a repeat tentatively at this moment: whoever sent that settles it. */
  readonly leavesTentative?: true;
}

const staleBaseAttempts = 10;

/** Of the undo of an operation. The version tells its decision from an earlier one under the same id, which was undone as well. */
export function undoId(operationId: string, version: Version): string {
  return `${operationId}:undo:${version}`;
}

export function createUndoActivities(context: Pick<ActivityContext, 'migration' | 'stores' | 'clock'>) {
  const { migration, stores, clock } = context;

  /**
   * Undoes an operation of the primary's, which the secondary refuses: the primary gets back what it had before, under a newer
   * version, and the secondary is converged to it. A newer write stands. Shared records stay: others may lean on them.
   */
  async function undoOperation(request: UndoRequest): Promise<UndoResult> {
    const { operation, route, version, refusal } = request;
    const entity = entityNamed(migration, operation.entity);
    const primary = stores[route.primary];
    // Before anything is undone: whoever ends it then, a repeat is told this.
    if (refusal) await primary.noteRefusal(operation.id, refusal);
    for (let attempt = 1; attempt <= staleBaseAttempts; attempt++) {
      const stored = await readOne(primary, entity, operation.key);
      // Where it is another, a later write has replaced ours already, as a whole image: there is nothing left to undo.
      if (stored.version === version) {
        const other = route.secondary ? await readOne(stores[route.secondary], entity, operation.key) : null;
        if (other && !isNewer(version, other.version)) {
          await primary.setOperationStatus([operation.id], 'completed');
          await settleAtSecondary('completed');
          return { status: 'stands', version };
        }
        const { id, key } = operation;
        const image = await imageBefore(primary, operation, other);
        const operationId = undoId(id, version);
        const wanted = { key, image, readVersion: version, version: newerThan(version), operationId };
        const outcome = await restore(context, entity, wanted, route);
        if (outcome.status === 'stale-base') continue;
        const result = resultOf(primary, entity, { ...operation, expectedVersion: null }, outcome);
        if (result.status !== 'applied') return result;
      }
      const [converged] = route.secondary
        ? await convergeKeys(context, entity, [operation.key], route)
        : [{ status: 'converged' as const, version: stored.version }];
      if (!converged) throw new TypeError('converge gave no result for its key');
      if (converged.status === 'refused') return { ...converged, code: 'StoreRefused' };
      if (converged.status !== 'converged') return converged;
      await primary.setOperationStatus([operation.id], 'compensated');
      await settleAtSecondary('compensated');
      return { status: 'applied', version: converged.version };
    }
    throw new LockstepError(
      'WriteConflict',
      `the key of operation ${operation.id} kept changing while it was undone; it is tried again`,
      { entity: entity.name, operationId: operation.id },
    );

    async function settleAtSecondary(status: 'completed' | 'compensated'): Promise<void> {
      if (!route.secondary || request.leavesTentative) return;
      const other = stores[route.secondary];
      const undone = status === 'compensated';
      await other.settleTentative(operation.id, {
        status,
        version,
        reason: null,
        refusal: undone ? refusal : null,
      });
      if (!undone) return;
      // The primary may be changing: then the other store may have been told before that the operation stands.
      if (refusal) await other.noteRefusal(operation.id, refusal);
      await other.setOperationStatus([operation.id], status);
    }
  }

  /**
   * As the primary's journal kept it. For a write that a person compensates it may not have: then it is what the secondary still
   * has, if no other write of the key is open, whose image would be lost.
   */
  async function imageBefore(
    primary: Store,
    { id, entity, kind, key }: UndoRequest['operation'],
    other: StoredRecord | null,
  ): Promise<Image | null> {
    if (kind === 'create') return null;
    const [entry] = await primary.journal({ migration: migration.name, ids: [id], limit: 1 });
    if (entry) assertSound(entry, primary.name);
    if (entry?.before) return entry.before.image;
    if (other?.image || other?.deleted) {
      const open = await primary.journal({
        migration: migration.name,
        statuses: ['pending', 'parked'],
        record: { entity, key },
        limit: 2,
      });
      const between = open.find((candidate) => candidate.id !== id);
      if (!between) return other.image;
      throw new LockstepError(
        'CompensationFailed',
        `operation ${id} cannot be compensated: the secondary lacks operation ${between.id} of the same key too, so what it has is older; ` +
          'decide about that one first, or write the wanted state as a new operation and retry this one then',
        { operationId: id, entity },
      );
    }
    throw new LockstepError(
      'CompensationFailed',
      `operation ${id} cannot be compensated: neither the journal nor the secondary has the image from before it; ` +
        'retry it, discard it, or write the wanted state as a new operation and retry this one then',
      { operationId: id, entity },
    );
  }

  function newerThan(version: Version): Version {
    const next = clock.next();
    return isNewer(next, version) ? next : (BigInt(version) + 1n).toString();
  }

  return { undoOperation };
}
