import { type Image, isSameValue, recordIdentity } from '../../model/canonical.ts';
import { digestOf } from '../../model/digest.ts';
import { type Entity, validImage } from '../../model/entity.ts';
import { entityOf, sharedRecords } from '../../model/field.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { Operation, WriteRoute } from '../../model/operation.ts';
import { lossMessage } from '../contract/loss.ts';
import type { RecordedRefusal } from '../contract/recorded-refusal.ts';
import type { StoredRecord, WriteItem } from '../contract/write.ts';

/** What the primary is asked to decide about, with the image that an update comes to; or why that is none. */
export async function primaryItem(
  entity: Entity,
  operation: Operation,
  stored: StoredRecord | null,
  { primary: store, secondary }: Pick<WriteRoute, 'primary' | 'secondary'>,
): Promise<WriteItem | { refused: RecordedRefusal }> {
  // Of a record that is not there, the store says what a write comes to.
  if (stored && stored.lossy !== null && stored.image !== null) {
    const message = lossMessage(entity.name, store, stored.lossy);
    return { refused: { code: 'LossyShape', message, store, about: 'row' } };
  }
  const hasSecondary = secondary !== null;
  const item = {
    mode: 'primary' as const,
    kind: operation.kind,
    key: operation.key,
    version: operation.proposed,
    operationId: operation.id,
    status: hasSecondary ? ('pending' as const) : ('completed' as const),
    expectedVersion: operation.expectedVersion,
  };
  const read = stored
    ? // What nobody waits for is never compensated; and of a row that cannot be read, no image says what it was.
      {
        readVersion: stored.version,
        ...(hasSecondary && stored.unreadable === null ? { before: stored.image } : {}),
      }
    : {};
  if (operation.kind !== 'update') {
    const sharedVersions = operation.image ? sharedVersionsOf(entity, operation.image, null) : [];
    return { ...item, ...read, image: operation.image, sharedVersions };
  }
  if (stored?.unreadable) {
    const message = `${stored.unreadable}; write the whole record with replace, or delete it`;
    return { refused: { code: 'InvalidEntity', message, store } };
  }
  // A missing row is refused by the routine itself, so that the refusal is recorded with the operation.
  if (!stored?.image) return { ...item, image: null, sharedVersions: [] };
  try {
    const image = await validImage(entity, entityOf(entity.fields, { ...stored.image, ...operation.image }));
    return { ...item, ...read, image, sharedVersions: sharedVersionsOf(entity, image, stored.image) };
  } catch (error) {
    if (!isLockstepError(error, 'InvalidEntity')) throw error;
    return { refused: { code: 'InvalidEntity', message: error.message, store } };
  }
}

/**
 * The shared records in an image with their versions: all of them, or those that differ from the image it was made
 * from.
 */
function sharedVersionsOf(
  entity: Entity,
  image: Image,
  readImage: Image | null,
): WriteItem['sharedVersions'] {
  const known = new Map(
    readImage
      ? sharedRecords(entity.fields, readImage).map((shared) => [
          recordIdentity(shared.name, shared.key),
          shared.record,
        ])
      : [],
  );
  return sharedRecords(entity.fields, image)
    .filter(
      (shared) => !isSameValue(known.get(recordIdentity(shared.name, shared.key)) ?? null, shared.record),
    )
    .map((shared) => ({
      name: shared.name,
      key: shared.key,
      version: null,
      digest: digestOf(shared.record),
    }));
}
