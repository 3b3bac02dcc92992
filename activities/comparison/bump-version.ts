import type { VersionBump } from '../../databases/contract/capture.ts';
import type { StoredRecord } from '../../databases/contract/write.ts';
import { compareText, type Image, type Key, recordIdentity } from '../../model/canonical.ts';
import { digestOf } from '../../model/digest.ts';
import type { Entity } from '../../model/entity.ts';
import { ownImage, sharedRecords } from '../../model/field.ts';
import type { WriteRoute } from '../../model/operation.ts';
import { isNewer, type Version, versionBeforeLockstep } from '../../model/version.ts';
import type { ActivityContext } from '../context.ts';
import type { PairedRoute } from '../write/converge.ts';
import type { KeyComparison } from './classify-difference.ts';

/**
 * Rows that changed without a new version are invisible to the guard. This gives what the primary has now a version above
 * those of both stores, and touches no row; converging then carries it over.
 */
export function createVersionBumper({
  migration,
  stores,
  clock,
}: Pick<ActivityContext, 'migration' | 'stores' | 'clock'>) {
  /**
   * `stale-base` where a write came between; it has its own version, and its own way to the secondary.
   *
   * @param closed the primary is being changed, and this is its drain
   */
  async function bumpVersion(
    entity: Entity,
    { primary, secondary }: Pick<KeyComparison, 'primary' | 'secondary'>,
    route: PairedRoute,
    { closed = false }: { readonly closed?: boolean } = {},
  ): Promise<'bumped' | 'stale-base'> {
    const { image } = primary;
    const changed = await changedSharedRecords(entity, image, secondary.image, route);
    const ofPrimary = await stores[route.primary].guards(changed);
    const ofSecondary = await stores[route.secondary].guards(changed);
    const guards = [...ofPrimary, ...ofSecondary].map((guard) => guard.version);
    const version = versionAbove([primary.version, secondary.version, ...guards]);
    const shared = changed.map((one): VersionBump => {
      const guard = ofPrimary.find((known) => idOf(known) === idOf(one));
      const readVersion = guard?.version ?? versionBeforeLockstep;
      return {
        entity: one.name,
        key: one.key,
        readVersion,
        version,
        deleted: false,
        digest: digestOf(one.record),
      };
    });
    const fence = { migration: migration.name, epoch: route.epoch, closed };
    return await stores[route.primary].bumpVersions([ownBump(entity, primary, version), ...shared], fence);
  }

  /** As above, where there is no secondary. */
  async function bumpAtPrimary(
    entity: Entity,
    stored: StoredRecord,
    route: WriteRoute,
  ): Promise<'bumped' | 'stale-base'> {
    const fence = { migration: migration.name, epoch: route.epoch };
    return await stores[route.primary].bumpVersions(
      [ownBump(entity, stored, versionAbove([stored.version]))],
      fence,
    );
  }

  /** Shared records that differ, in key order; where the primary's copies disagree among themselves, none of them can win. */
  async function changedSharedRecords(
    entity: Entity,
    left: Image | null,
    right: Image | null,
    route: PairedRoute,
  ) {
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

  function versionAbove(versions: readonly Version[]): Version {
    return versions.reduce(
      (highest, version) => (isNewer(highest, version) ? highest : (BigInt(version) + 1n).toString()),
      clock.next(),
    );
  }

  return { bumpVersion, bumpAtPrimary };
}

function ownBump(
  entity: Entity,
  { key, version: readVersion, image }: StoredRecord,
  version: Version,
): VersionBump {
  return {
    entity: entity.name,
    key,
    readVersion,
    version,
    deleted: image === null,
    digest: image ? digestOf(ownImage(entity.fields, image)) : null,
  };
}

function idOf({ name, key }: { readonly name: string; readonly key: Key }): string {
  return recordIdentity(name, key);
}
