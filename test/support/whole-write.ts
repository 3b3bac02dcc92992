import type { WriteItem } from '../../databases/contract/write.ts';
import type { Image } from '../../model/canonical.ts';
import { type Entity, keyOf } from '../../model/entity.ts';

/** A write of a whole record, by the primary and with version 1 unless said otherwise. */
export function wholeWrite(
  entity: Entity,
  image: Image,
  given: Pick<WriteItem, 'operationId'> & Partial<WriteItem>,
): WriteItem {
  return {
    mode: 'primary',
    kind: 'replace',
    key: keyOf(entity, image),
    image,
    version: '1',
    status: 'completed',
    sharedVersions: [],
    ...given,
  };
}
