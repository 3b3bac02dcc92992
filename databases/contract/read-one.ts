import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { Store } from './store.ts';
import type { StoredRecord } from './write.ts';

export async function readOne(store: Store, entity: Entity, key: Key): Promise<StoredRecord> {
  const [stored] = await store.read(entity, [key]);
  if (!stored) throw new TypeError('a read gave no record for its key');
  return stored;
}
