import { type Key, recordIdentity } from '../../model/canonical.ts';
import { digestOf } from '../../model/digest.ts';
import type { Entity } from '../../model/entity.ts';
import { holdsShared, sharedRecords } from '../../model/field.ts';
import type { WriteRoute } from '../../model/operation.ts';
import { isNewer, type Version, versionBeforeLockstep } from '../../model/version.ts';
import type { ActivityContext } from '../context.ts';

/** Makes up for what a touch could not note, because the rows were not final yet. */
export function createTouchedRecords({ migration, stores }: Pick<ActivityContext, 'migration' | 'stores'>) {
  /**
   * Notes what the rows of touched keys are, and gives shared records that a transaction has changed the version of the touch.
   * `converge` notes digests itself, so without shared records there is nothing to do before it.
   *
   * @param closed the primary is being changed, and this is its drain
   */
  async function noteTouchedKeys(
    entity: Entity,
    keys: readonly Key[],
    route: WriteRoute,
    { closed = false }: { readonly closed?: boolean } = {},
  ): Promise<void> {
    if (keys.length === 0) return;
    const primary = stores[route.primary];
    if (route.secondary === null) await primary.noteTouched(entity, await primary.read(entity, keys));
    if (holdsShared(entity.fields)) await bumpShared(entity, keys, route, closed);
  }

  /**
   * Guards are read between two reads of the rows: what the second one has was there under the guard's version, or has another
   * touch behind it. Where the copies of a denormalized table disagree, none of them wins.
   */
  async function bumpShared(
    entity: Entity,
    keys: readonly Key[],
    route: WriteRoute,
    closed: boolean,
  ): Promise<void> {
    const primary = stores[route.primary];
    const wanted = new Map(
      (await sharedIn(entity, keys, route)).map((one) => [recordIdentity(one.name, one.key), one]),
    );
    if (wanted.size === 0) return;
    const guards = new Map(
      (await primary.guards([...wanted.values()])).map((guard) => [
        recordIdentity(guard.name, guard.key),
        guard,
      ]),
    );
    const seen = new Set<string>();
    for (const { name, key, record, version: touched } of await sharedIn(entity, keys, route)) {
      const id = recordIdentity(name, key);
      const guard = guards.get(id);
      const digest = digestOf(record);
      if (!wanted.has(id) || guard?.digest === digest || seen.has(id)) continue;
      seen.add(id);
      const copies = await primary.sharedCopies(entity, name, key);
      if (new Set(copies.map(digestOf)).size > 1) continue;
      const readVersion = guard?.version ?? versionBeforeLockstep;
      await primary.bumpVersions(
        [{ entity: name, key, readVersion, version: above(readVersion, touched), deleted: false, digest }],
        { migration: migration.name, epoch: route.epoch, closed },
      );
    }
  }

  /** The shared records of keys, with the version of the record that holds them. */
  async function sharedIn(entity: Entity, keys: readonly Key[], route: WriteRoute) {
    return (await stores[route.primary].read(entity, keys)).flatMap(({ image, version }) =>
      image ? sharedRecords(entity.fields, image).map((shared) => ({ ...shared, version })) : [],
    );
  }

  return { noteTouchedKeys };
}

function above(version: Version, proposed: Version): Version {
  return isNewer(proposed, version) ? proposed : (BigInt(version) + 1n).toString();
}
