import type { Image, Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { NotCanonical } from '../../model/not-canonical.ts';
import { TooFine } from '../../model/scalar.ts';
import type { BoundEntity, TextRows } from '../columns/bound.ts';
import { mayRound } from '../columns/fraction.ts';
import { type KeyFault, keyFault } from '../columns/key-fault.ts';
import { rowsIn } from '../columns/rows.ts';
import { keysPerRead } from '../contract/values.ts';
import type { StoredRecord } from '../contract/write.ts';
import type { RawStored } from '../engine/engine.ts';
import type { StoreContext } from './context.ts';
import { isUnusableKeyThere } from './unusable-keys.ts';

/** Records with their images, each pair from one snapshot. */
export function createImages(context: StoreContext) {
  async function read(entity: Entity, keys: readonly Key[]): Promise<StoredRecord[]> {
    const bound = await context.bind(entity);
    const stored: StoredRecord[] = [];
    for (let at = 0; at < keys.length; at += keysPerRead) {
      const part = keys.slice(at, at + keysPerRead).map((key) => ({ key, fault: keyFault(bound, key) }));
      const sound = part.filter(({ fault }) => fault === null).map(({ key }) => key);
      const found = (await readSound(bound, sound)).values();
      for (const { key, fault } of part) {
        const raw = fault === null ? found.next().value : undefined;
        if (raw && 'reason' in raw) stored.push(storedOf(bound, key, undefined, raw));
        else stored.push(storedOf(bound, key, raw, fault && (await faultOfThere(bound, key, fault))));
      }
    }
    return stored;
  }

  /** By halves, where the database finds a key that it cannot even look for: the others are read all the same. */
  async function readSound(bound: BoundEntity, keys: readonly Key[]): Promise<(RawStored | KeyFault)[]> {
    if (keys.length === 0) return [];
    try {
      const rows = await context.translateErrors(() => context.engine.readRows(bound, keys));
      if (rows.length === keys.length) return rows;
      throw new TypeError(`the ${context.name} store gave ${rows.length} records for ${keys.length} keys`);
    } catch (error) {
      if (!isLockstepError(error, 'StoreRefused') || error.details.about !== 'row') throw error;
      if (keys.length === 1) return [{ reason: error.message, isNeverThere: false }];
      const middle = Math.ceil(keys.length / 2);
      const first = await readSound(bound, keys.slice(0, middle));
      return [...first, ...(await readSound(bound, keys.slice(middle)))];
    }
  }

  async function faultOfThere(bound: BoundEntity, key: Key, fault: KeyFault): Promise<KeyFault | null> {
    return fault.isNeverThere || (await isUnusableKeyThere(context, bound, key)) ? fault : null;
  }

  function tooFineReason(entity: Entity, image: Image): string | null | Promise<string | null> {
    return context.ofBound(entity, (bound) =>
      bound.tables.some(({ columns }) => columns.some(mayRound)) ? roundedIn(bound, image) : null,
    );
  }

  function unusableKeyReason(entity: Entity, key: Key): string | null | Promise<string | null> {
    return context.ofBound(entity, (bound) => keyFault(bound, key)?.reason ?? null);
  }

  return { read, tooFineReason, unusableKeyReason };
}

/** Why a column would round a time of the image; null where none would. */
function roundedIn(bound: BoundEntity, image: Image): string | null {
  try {
    bound.rowsOf(image);
  } catch (error) {
    if (error instanceof TooFine) return error.message;
    // Whatever else is wrong is said when it is written.
  }
  return null;
}

function storedOf(
  bound: BoundEntity,
  key: Key,
  raw: RawStored | undefined,
  fault: KeyFault | null,
): StoredRecord {
  const found = raw !== undefined && rowsIn(raw.rows, bound.root.name).length > 0;
  return {
    key,
    version: raw?.version ?? '0',
    deleted: raw?.deleted ?? false,
    operationId: raw?.operationId ?? null,
    digest: raw?.digest ?? null,
    undecided: raw?.undecided ?? false,
    ...(found
      ? imageOrReason(bound, raw.rows)
      : {
          image: null,
          unreadable: fault && !fault.isNeverThere ? fault.reason : null,
          lossy: raw ? orphansIn(bound, raw.rows) : null,
        }),
    neverThere: fault?.isNeverThere ? fault.reason : null,
  };
}

export function imageOrReason(
  bound: BoundEntity,
  rows: TextRows,
): Pick<StoredRecord, 'image' | 'unreadable' | 'lossy'> {
  let image: Image;
  try {
    image = bound.imageOf(rows);
  } catch (error) {
    return { image: null, unreadable: shapeMessage(bound, 'fromRows', error), lossy: null };
  }
  return { image, unreadable: null, lossy: lossOrReason(bound, rows, image) };
}

/** Rows of a key that has none in its first table: no record holds them. */
function orphansIn({ lossIn, owned, root }: BoundEntity, rows: TextRows): string | null {
  if (lossIn === null) return null;
  const found = owned.filter((table) => table !== root && rowsIn(rows, table.name).length > 0);
  return found.length === 0
    ? null
    : `rows of ${found.map(({ name }) => name).join(', ')} stand without one of ${root.name}`;
}

function lossOrReason(bound: BoundEntity, rows: TextRows, image: Image): string | null {
  try {
    return bound.lossIn?.(rows, image) ?? null;
  } catch (error) {
    return shapeMessage(bound, 'toRows', error);
  }
}

/** Our own messages name paths only; those of a shape's functions may quote a row, so only their kind is told. */
export function shapeMessage(bound: BoundEntity, step: 'toRows' | 'fromRows', error: unknown): string {
  if (error instanceof NotCanonical || error instanceof LockstepError) return error.message;
  const kind = error instanceof Error ? error.name : typeof error;
  return `${bound.entity.name}.${bound.store}.${step} threw ${kind}`;
}
