import { keyText } from '../../model/canonical.ts';
import { isNewer, versionBeforeLockstep } from '../../model/version.ts';
import type { BoundEntity } from '../columns/bound.ts';
import { keyFault } from '../columns/key-fault.ts';
import { lossMessage } from '../contract/loss.ts';
import type { StoredRecord, StoreFailure, WriteItem } from '../contract/write.ts';
import type { StoreContext } from './context.ts';
import { createImages } from './images.ts';

/** Writes that would replace or delete rows of which the shape does not hold all, or take rows for their own that no record has. */
export function createErasingWrites(context: StoreContext) {
  const { read } = createImages(context);

  /** Why each of them is refused, by its place. Reads the rows, where the shape can lose any. */
  async function erasing(
    bound: BoundEntity,
    items: readonly WriteItem[],
  ): Promise<ReadonlyMap<number, StoreFailure>> {
    if (bound.lossIn === null) return new Map();
    const asked = [...items.entries()].filter(
      ([, item]) => mayErase(bound, item) && keyFault(bound, item.key) === null,
    );
    if (asked.length === 0) return new Map();
    const keys = new Map(asked.map(([, { key }]) => [keyText(key), key]));
    const stored = await read(bound.entity, [...keys.values()]);
    const lossy = new Map(
      stored.filter((record) => record.lossy !== null).map((record) => [keyText(record.key), record]),
    );
    return new Map(
      asked.flatMap(([position, item]) => {
        const record = lossy.get(keyText(item.key));
        return record && takesEffect(item, record) ? [[position, failureOf(bound, record)] as const] : [];
      }),
    );
  }

  return { erasing };
}

/** Whoever computed an update has looked already. */
function mayErase({ owned }: BoundEntity, item: WriteItem): boolean {
  if (isNewRecord(item)) return owned.length > 1;
  return item.mode !== 'primary' || !(item.kind === 'update' && item.readVersion != null);
}

/** A row of the root is in its way, and stays. */
function isNewRecord({ mode, kind, version }: WriteItem): boolean {
  if (mode === 'copy') return version === versionBeforeLockstep;
  return mode === 'primary' && kind === 'create';
}

/** What is older than the record changes nothing, nor does a change of one that is not there. */
function takesEffect(item: WriteItem, { image, version }: StoredRecord): boolean {
  if (isNewRecord(item)) return image === null;
  if (item.mode === 'primary') return image !== null || item.kind === 'replace';
  return isNewer(item.version, version);
}

function failureOf({ entity, store }: BoundEntity, { lossy }: StoredRecord): StoreFailure {
  return { code: 'LossyShape', about: 'row', message: lossMessage(entity.name, store, lossy ?? '') };
}
