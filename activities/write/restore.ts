import type { OpenMigration } from '../../databases/contract/current-state.ts';
import type { Outcome } from '../../databases/contract/write.ts';
import type { Image, Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { WriteRoute } from '../../model/operation.ts';
import type { Version } from '../../model/version.ts';

/**
 * Gives a record an image again that a store has had, under a newer version, unless the record has changed since
 * `readVersion`. Shared records stay: others may lean on them.
 */
export async function restore(
  context: OpenMigration,
  entity: Entity,
  wanted: {
    readonly key: Key;
    /** Null deletes. */
    readonly image: Image | null;
    readonly readVersion: Version;
    readonly version: Version;
    readonly operationId: string;
  },
  route: WriteRoute,
): Promise<Outcome> {
  const { key, image, readVersion, version, operationId } = wanted;
  const [outcome] = await context.stores[route.primary].write(
    entity,
    [
      {
        mode: 'primary',
        kind: 'restore',
        key,
        image,
        version,
        operationId,
        status: 'completed',
        readVersion,
        sharedVersions: [],
      },
    ],
    { migration: context.migration.name, epoch: route.epoch },
  );
  if (!outcome) throw new TypeError('a write gave no outcome for its item');
  return outcome;
}
