import { type Image, isSameValue, keyText } from '../../model/canonical.ts';
import { type Entity, keyOf } from '../../model/entity.ts';
import { type AnyFields, entityOf, imageOf } from '../../model/field.ts';
import type { InputFault } from '../../model/inputs/input-fault.ts';
import type { Operation } from '../../model/operation.ts';
import { maxLeadMs, millisecondsOf } from '../../model/version.ts';

/**
 * What a worker finds wrong with an operation that Temporal brought it, and that no service of ours makes: a key that is not the
 * image's, a field that is none, a value that is not in canonical form, a version from the future. Null where nothing is.
 */
export function operationFault(
  entity: Entity,
  { kind, key, image, proposed }: Operation,
  nowMs: number,
): InputFault | null {
  if (millisecondsOf(proposed) > nowMs + maxLeadMs)
    return { path: 'proposed', reason: "is more than a day ahead of the worker's clock" };
  const { fields, key: keyNames } = entity;
  const named = Object.fromEntries(keyNames.map((name, index) => [name, key[index] ?? null]));
  const isWhole = image !== null && kind !== 'update';
  // The key of a whole image is that of the image, or none.
  const isSound = isWhole || isCanonicalOf(among(fields, keyNames), named);
  if (key.length !== keyNames.length || !isSound) return { path: 'key', reason: 'is not in canonical form' };
  if (image === null) return null;
  if (!isCanonicalOf(isWhole ? fields : among(fields, Object.keys(image)), image))
    return {
      path: 'image',
      reason: 'has fields that are not declared, lacks some, or is not in canonical form',
    };
  const found = keyOf(entity, { ...named, ...image });
  return keyText(found) === keyText(key) ? null : { path: 'key', reason: 'is not that of the image' };
}

function among(fields: AnyFields, names: readonly string[]): AnyFields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => names.includes(name)));
}

/** Whether these fields, all of them and no others, come out of a program's values as they went in. */
function isCanonicalOf(fields: AnyFields, image: Image): boolean {
  try {
    return isSameValue(imageOf(fields, entityOf(fields, image), 'image'), image);
  } catch {
    // Whatever a conversion says of a value that is none tells of the value.
    return false;
  }
}
