import { readOne } from '../../databases/contract/read-one.ts';
import type { Store } from '../../databases/contract/store.ts';
import type { Image } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { entityNamed } from '../../model/migration.ts';
import type { Operation, WriteRoute } from '../../model/operation.ts';
import { isNewer, type Version } from '../../model/version.ts';
import type { ActivityContext } from '../context.ts';
import { convergeKeys } from './converge.ts';
import { restore } from './restore.ts';
import { resultOf, type WriteResult } from './write-result.ts';

/** `stands`: both stores have the operation by now, so that nothing is left to undo. */
export type UndoResult = WriteResult | { readonly status: 'stands'; readonly version: Version };

const staleBaseAttempts = 10;

export function createUndoActivities(context: ActivityContext) {
  const { migration, stores, clock } = context;

  /**
   * Undoes an operation under a newer version: the primary gets its before-image back (or keeps what it has, when it was
   * the one that refused), and the secondary is converged to it. Shared records stay: others may lean on them.
   */
  async function undoOperation(request: {
    operation: Operation;
    route: WriteRoute;
    /** The version that the primary gave, null where it refused. */
    version: Version | null;
  }): Promise<UndoResult> {
    const { operation, route, version } = request;
    const entity = entityNamed(migration, operation.entity);
    const primary = stores[route.primary];
    for (let attempt = 1; attempt <= staleBaseAttempts; attempt++) {
      const stored = await readOne(primary, entity, operation.key);
      if (version === null || stored.version === version) {
        const image =
          version === null ? stored.image : await beforeImage(primary, entity, operation, route, version);
        if (image === 'stands') {
          await primary.setOperationStatus([operation.id], 'completed');
          return { status: 'stands', version: stored.version };
        }
        // The proposal tells this sending of the operation from an earlier one that was undone as well.
        const { id, key, proposed } = operation;
        const operationId = `${id}:undo:${proposed}`;
        const wanted = { key, image, readVersion: stored.version, version: newerThan(proposed), operationId };
        const outcome = await restore(context, entity, wanted, route);
        if (outcome.status === 'stale-base') continue;
        const result = resultOf(primary, entity, operation, outcome);
        if (result.status !== 'applied') return result;
      }
      // Otherwise a later write has replaced ours already, as a whole image: there is nothing left to undo.
      const [converged] = route.secondary
        ? await convergeKeys(context, entity, [operation.key], route)
        : [{ status: 'converged' as const, version: stored.version }];
      if (!converged) throw new TypeError('converge gave no result for its key');
      if (converged.status === 'refused') return { ...converged, code: 'StoreRefused' };
      if (converged.status !== 'converged') return converged;
      await primary.setOperationStatus([operation.id], 'compensated');
      return { status: 'applied', version: converged.version };
    }
    throw new LockstepError(
      'WriteConflict',
      `the key of operation ${operation.id} kept changing while it was undone; it is tried again`,
      {
        entity: entity.name,
        operationId: operation.id,
      },
    );
  }

  /** From the journal where it was kept, else what the secondary, which refused the write, still has; if it has not got it since. */
  async function beforeImage(
    primary: Store,
    entity: Entity,
    operation: Operation,
    route: WriteRoute,
    version: Version,
  ): Promise<Image | null | 'stands'> {
    if (operation.kind === 'create') return null;
    const [entry] = await primary.journal({ migration: migration.name, ids: [operation.id], limit: 1 });
    if (entry?.before) return entry.before;
    if (route.secondary) {
      const other = await readOne(stores[route.secondary], entity, operation.key);
      if (!isNewer(version, other.version)) return 'stands';
      if (other.image || other.deleted) return other.image;
    }
    throw new LockstepError(
      'CompensationFailed',
      `operation ${operation.id} cannot be compensated: neither the journal nor the secondary has the image from before it; ` +
        'retry it, discard it, or write the wanted state as a new operation',
      { operationId: operation.id, entity: entity.name },
    );
  }

  function newerThan(version: Version): Version {
    const next = clock.next();
    return isNewer(next, version) ? next : (BigInt(version) + 1n).toString();
  }

  return { undoOperation };
}
