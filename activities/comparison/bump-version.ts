import type { Raise } from '../../databases/contract/capture.ts';
import type { Stored } from '../../databases/contract/write.ts';
import { compareText, type Image, type Key, recordIdentity } from '../../model/canonical.ts';
import { digestOf } from '../../model/digest.ts';
import type { Entity } from '../../model/entity.ts';
import { ownImage, sharedRecords } from '../../model/field.ts';
import type { WriteRoute } from '../../model/operation.ts';
import { isNewer, type Version, versionBeforeLockstep } from '../../model/version.ts';
import type { ActivityContext } from '../context.ts';
import type { PairedRoute } from '../write/converge.ts';
import type { Finding } from './classify-difference.ts';

/**
 * Rows that changed without a new version are invisible to the guard. This gives what the primary has now a version above
 * those of both stores, and touches no row; converging then carries it over.
 */
export function raising({
  migration,
  stores,
  clock,
}: Pick<ActivityContext, 'migration' | 'stores' | 'clock'>) {
  /** `moved` where a write came between; it has its own version, and its own way to the secondary. */
  async function raise(
    entity: Entity,
    { primary, secondary }: Pick<Finding, 'primary' | 'secondary'>,
    route: PairedRoute,
  ): Promise<'raised' | 'moved'> {
    const { image } = primary;
    const changed = await changedShared(entity, image, secondary.image, route);
    const ofPrimary = await stores[route.primary].guards(changed);
    const ofSecondary = await stores[route.secondary].guards(changed);
    const guards = [...ofPrimary, ...ofSecondary].map((guard) => guard.version);
    const version = above([primary.version, secondary.version, ...guards]);
    const shared = changed.map((one): Raise => {
      const guard = ofPrimary.find((known) => idOf(known) === idOf(one));
      const base = guard?.version ?? versionBeforeLockstep;
      return { entity: one.name, key: one.key, base, version, deleted: false, digest: digestOf(one.record) };
    });
    const fence = { migration: migration.name, epoch: route.epoch };
    return await stores[route.primary].raise([ownRaise(entity, primary, version), ...shared], fence);
  }

  /** As above, where no store follows. */
  async function raiseAlone(entity: Entity, stored: Stored, route: WriteRoute): Promise<'raised' | 'moved'> {
    const fence = { migration: migration.name, epoch: route.epoch };
    return await stores[route.primary].raise([ownRaise(entity, stored, above([stored.version]))], fence);
  }

  /** Shared records that differ, in key order; where the primary's copies disagree among themselves, none of them can win. */
  async function changedShared(entity: Entity, left: Image | null, right: Image | null, route: PairedRoute) {
    if (!left || !right) return [];
    const others = new Map(
      sharedRecords(entity.fields, right).map((one) => [idOf(one), digestOf(one.record)]),
    );
    const changed = [];
    for (const one of sharedRecords(entity.fields, left)) {
      const other = others.get(idOf(one));
      if (other === undefined || other === digestOf(one.record)) continue;
      const copies = await stores[route.primary].sharedCopies(entity, one.name, one.key);
      if (new Set(copies.map(digestOf)).size <= 1) changed.push(one);
    }
    return changed.sort((one, other) => compareText(idOf(one), idOf(other)));
  }

  function above(versions: readonly Version[]): Version {
    return versions.reduce(
      (highest, version) => (isNewer(highest, version) ? highest : (BigInt(version) + 1n).toString()),
      clock.next(),
    );
  }

  return { raise, raiseAlone };
}

function ownRaise(entity: Entity, { key, version: base, image }: Stored, version: Version): Raise {
  return {
    entity: entity.name,
    key,
    base,
    version,
    deleted: image === null,
    digest: image ? digestOf(ownImage(entity.fields, image)) : null,
  };
}

function idOf({ name, key }: { readonly name: string; readonly key: Key }): string {
  return recordIdentity(name, key);
}
