import type { Store } from '../databases/contract/store.ts';
import type { Key } from '../model/canonical.ts';
import type { Entity } from '../model/entity.ts';

/** Of rows that are in memory at once, some copies of them beside; one that is larger is alone. */
export const partBytes = 8 * 1024 * 1024;

/**
 * Does the work for some keys after the others, with as many at a time as have their rows fit into memory in each of the stores
 * that they are read from. Results in the order of the keys.
 */
export async function inFittingParts<T>(
  stores: readonly Pick<Store, 'fittingKeys'>[],
  entity: Entity,
  keys: readonly Key[],
  work: (part: readonly Key[]) => Promise<readonly T[]>,
): Promise<T[]> {
  const results: T[] = [];
  for (let rest = keys; rest.length > 0; ) {
    let part = rest;
    for (const store of stores) {
      if (part.length > 1) part = (await store.fittingKeys(entity, part, { maxBytes: partBytes })).keys;
    }
    results.push(...(await work(part)));
    rest = rest.slice(part.length);
  }
  return results;
}
