import type { Verdict } from '../../databases/contract/comparison.ts';
import type { StoredRecord } from '../../databases/contract/write.ts';
import { type Image, isSameValue, type Key, keyText, recordIdentity } from '../../model/canonical.ts';
import { digestOf } from '../../model/digest.ts';
import type { Entity } from '../../model/entity.ts';
import { ownImage, sharedRecords } from '../../model/field.ts';
import type { WriteRoute } from '../../model/operation.ts';
import { otherStore } from '../../model/phase.ts';
import { isNewer, versionBeforeLockstep } from '../../model/version.ts';
import type { ActivityContext } from '../context.ts';
import { inFittingParts } from '../fitting-parts.ts';
import { differingFields } from './differing-fields.ts';

/** What a comparison of a key in both stores found, without its rows. */
export interface KeyFinding {
  readonly key: Key;
  /** Null where nothing differs. */
  readonly verdict: Verdict | null;
  /** Names of fields and tables, never values. */
  readonly reason: string;
  /** Whether the images are equal, or absent in both stores, and the versions alone differ. */
  readonly versionOnly: boolean;
  readonly primary: Pick<StoredRecord, 'version'>;
  readonly secondary: Pick<StoredRecord, 'version'>;
}

/** The same with what both stores have of the key. */
export interface KeyComparison extends KeyFinding {
  readonly primary: StoredRecord;
  readonly secondary: StoredRecord;
}

export function createDifferenceClassifier({ stores }: Pick<ActivityContext, 'stores'>) {
  /** Reads the keys in both stores and compares their images. */
  async function compareKeys(
    entity: Entity,
    keys: readonly Key[],
    route: WriteRoute,
  ): Promise<KeyComparison[]> {
    const [primary, secondary] = await Promise.all([
      stores[route.primary].read(entity, keys),
      stores[otherStore(route.primary)].read(entity, keys),
    ]);
    const pairs = primary.map((left, index) => {
      const right = secondary[index];
      if (!right) throw new TypeError('a read gave fewer records than keys');
      return [left, right] as const;
    });
    // What came from the primary between the two reads is there when it is read once more.
    const seemAhead = pairs.filter(([left, right]) => isNewer(right.version, left.version));
    const again = await stores[route.primary].read(
      entity,
      seemAhead.map(([left]) => left.key),
    );
    const reread = new Map(again.map((stored) => [keyText(stored.key), stored]));
    const findings: KeyComparison[] = [];
    for (const [known, right] of pairs) {
      const left = reread.get(keyText(known.key)) ?? known;
      const classified = await classify(entity, left, right);
      const isOfRows = classified.verdict === 'unreadable' || classified.verdict === 'lossy';
      const versionOnly = !isOfRows && isSameImage(left, right);
      findings.push({ key: left.key, versionOnly, ...classified, primary: left, secondary: right });
    }
    return findings;
  }

  async function classify(entity: Entity, left: StoredRecord, right: StoredRecord): Promise<Classification> {
    const unreadable = left.unreadable ?? right.unreadable;
    if (unreadable !== null) return { verdict: 'unreadable', reason: unreadable };
    if (right.neverThere !== null || left.neverThere !== null) return classifyNeverThere(left, right);
    if (isAhead({ primary: left, secondary: right })) return ahead;
    // What the secondary has beyond its image stands in the way of every repair; what the primary has, of none.
    if (right.lossy !== null) return { verdict: 'lossy', reason: `in the secondary, ${right.lossy}` };
    const isBehind = isNewer(left.version, right.version);
    if (isSameImage(left, right)) {
      if (!isBehind) return left.lossy === null ? equal : lossyPrimary(left.lossy);
      return left.image === null ? withoutTombstone : olderVersion;
    }
    const changedOutside = changedOutsideNote(entity, left, right);
    if (left.image === null || right.image === null) {
      if (left.image !== null)
        return { verdict: 'missing', reason: `the secondary does not have the key${changedOutside}` };
      return { verdict: 'extra', reason: `only the secondary has the key${changedOutside}` };
    }
    const differing = differingFields(entity, left.image, right.image);
    if (differing.length > 0) {
      return {
        verdict: isBehind ? 'stale' : 'mismatch',
        reason: `fields ${differing.join(', ')}${changedOutside}`,
      };
    }
    const shared = await classifyShared(entity, left.image, right.image);
    return shared.verdict === 'ambiguous' && left.lossy !== null ? lossyPrimary(left.lossy) : shared;
  }

  /** Own parts are equal, shared ones differ: loss, or a denormalized store whose copies disagree among themselves? */
  async function classifyShared(entity: Entity, left: Image, right: Image): Promise<Classification> {
    const others = new Map(
      sharedRecords(entity.fields, right).map((shared) => [recordIdentity(shared.name, shared.key), shared]),
    );
    for (const shared of sharedRecords(entity.fields, left)) {
      const other = others.get(recordIdentity(shared.name, shared.key));
      if (!other || digestOf(other.record) === digestOf(shared.record)) continue;
      const copies = (
        await Promise.all(
          [stores.legacy, stores.modern].map((store) => store.sharedCopies(entity, shared.name, shared.key)),
        )
      ).flat();
      const digests = new Set(copies.map(digestOf));
      const explained =
        digests.size > 1 && digests.has(digestOf(shared.record)) && digests.has(digestOf(other.record));
      if (!explained) return { verdict: 'mismatch', reason: `shared record ${shared.name}` };
    }
    return {
      verdict: 'ambiguous',
      reason: 'the denormalized store holds several copies of a shared record',
    };
  }

  /** As `compareKeys`, of keys whose rows need not fit into memory together. */
  async function findingsOf(entity: Entity, keys: readonly Key[], route: WriteRoute): Promise<KeyFinding[]> {
    return await inFittingParts([stores.legacy, stores.modern], entity, keys, async (part) => {
      const compared = await compareKeys(entity, part, route);
      return compared.map(({ primary, secondary, ...finding }) => ({
        ...finding,
        primary: { version: primary.version },
        secondary: { version: secondary.version },
      }));
    });
  }

  return { compareKeys, findingsOf };
}

/** A key that one of the stores cannot hold: only a row of the other is a difference, and no version is. */
function classifyNeverThere(left: StoredRecord, right: StoredRecord): Classification {
  if (left.image !== null)
    return { verdict: 'missing', reason: `the secondary cannot hold the key: ${right.neverThere}` };
  if (right.image !== null)
    return { verdict: 'extra', reason: `the primary cannot hold the key: ${left.neverThere}` };
  return equal;
}

interface Classification {
  readonly verdict: Verdict | null;
  readonly reason: string;
}

const equal: Classification = { verdict: null, reason: '' };
const olderVersion: Classification = {
  verdict: 'stale',
  reason: 'equal images, but the secondary has an older version',
};
const withoutTombstone: Classification = {
  verdict: 'stale',
  reason: 'the key is deleted, but the secondary has an older tombstone or none',
};
const ahead: Classification = {
  verdict: 'ahead',
  reason: 'the secondary has a newer version; the primary may have been set back',
};

function lossyPrimary(loss: string): Classification {
  return { verdict: 'lossy', reason: `in the primary, ${loss}` };
}

/** Whether the newer version is in the secondary. */
export function isAhead({ primary, secondary }: Pick<KeyFinding, 'primary' | 'secondary'>): boolean {
  return isNewer(secondary.version, primary.version);
}

function isSameImage({ image: left }: StoredRecord, { image: right }: StoredRecord): boolean {
  if (left === null || right === null) return left === right;
  return isSameValue(left, right);
}

/** Rows that are not what their record speaks of were changed by another than Lockstep. */
function changedOutsideNote(entity: Entity, left: StoredRecord, right: StoredRecord): string {
  const where = [
    ...(isChangedOutside(entity, left) ? ['primary'] : []),
    ...(isChangedOutside(entity, right) ? ['secondary'] : []),
  ];
  if (where.length === 0) return '';
  return `; changed outside Lockstep in the ${where.join(' and the ')} (same version, other digest)`;
}

function isChangedOutside(entity: Entity, stored: StoredRecord): boolean {
  if (stored.version === versionBeforeLockstep || stored.unreadable !== null) return false;
  if (stored.image === null || stored.deleted) return (stored.image === null) !== stored.deleted;
  return digestOf(ownImage(entity.fields, stored.image)) !== stored.digest;
}
