import type { Outcome } from '../../databases/contract/write.ts';
import type { Entity } from '../../model/entity.ts';
import { isNewer, type Version } from '../../model/version.ts';
import type { ActivityContext } from '../context.ts';
import { type PairedRoute, secondaryItems } from '../write/converge.ts';
import { isAhead, type KeyComparison } from './classify-difference.ts';

/** Gives the primary what the secondary has, at the word of a person: the primary was set back. */
export function createTakeBack({
  migration,
  stores,
  clock,
}: Pick<ActivityContext, 'migration' | 'stores' | 'clock'>) {
  /**
   * Rows, tombstones and shared records, the older versions first. A version that is newer than the primary's stays what it is;
   * where the primary has the same one, the row gets a version that is new to both. The primary's guard holds: a key that was
   * written since it was compared stays. Outcomes in the order of the findings that are given back.
   */
  async function takeBack(
    entity: Entity,
    findings: readonly KeyComparison[],
    route: PairedRoute,
  ): Promise<{ finding: KeyComparison; outcome: Outcome }[]> {
    const inOrder = findings.toSorted(({ secondary: one }, { secondary: other }) =>
      one.version === other.version ? 0 : isNewer(one.version, other.version) ? 1 : -1,
    );
    const results: { finding: KeyComparison; outcome: Outcome }[] = [];
    for (const finding of inOrder) {
      const [item] = await secondaryItems(
        { stores },
        entity,
        [finding.secondary],
        backwards(route),
        'secondary',
      );
      if (!item) throw new TypeError('a record gave no item');
      const [outcome] = await stores[route.primary].write(
        entity,
        [
          {
            ...item,
            mode: 'primary',
            kind: 'restore',
            version: versionOf(finding),
            readVersion: finding.primary.version,
          },
        ],
        { migration: migration.name, epoch: route.epoch },
      );
      if (!outcome) throw new TypeError('a write gave no outcome for its item');
      results.push({ finding, outcome });
    }
    return results;
  }

  function versionOf({ primary, secondary }: KeyComparison): Version {
    if (isAhead({ primary, secondary })) return secondary.version;
    const next = clock.next();
    return isNewer(next, primary.version) ? next : (BigInt(primary.version) + 1n).toString();
  }

  return { takeBack };
}

/**
 * Whether a person who trusts the secondary means its row. A row that is not there is meant only where a newer tombstone says that
 * it was deleted.
 */
export function standsInSecondary({ primary, secondary }: KeyComparison): boolean {
  if (secondary.unreadable !== null) return false;
  if (isAhead({ primary, secondary })) return secondary.image !== null || secondary.deleted;
  return secondary.version === primary.version && secondary.image !== null;
}

function backwards({ epoch, primary, secondary }: PairedRoute): PairedRoute {
  return { epoch, primary: secondary, secondary: primary };
}
