const buckets = 10_000;

/**
 * Whether a key belongs to a share of `percent` (0…100). Sticky: the same key always falls into the same bucket, for
 * reads and writes alike, so a smaller share is always inside a larger one.
 */
export function isInRollout(entity: string, key: string, percent: number): boolean {
  return isInShare(keyHash(entity, key), percent);
}

/** The same of a hash that `keyHash` gave. */
export function isInShare(hash: number, percent: number): boolean {
  return hash % buckets < percent * (buckets / 100);
}

/** What says on which side of a share a key is, without saying the key. */
export function keyHash(entity: string, key: string): number {
  return stickyHash(`${entity}\u0000${key}`);
}

/** 32-bit FNV-1a over UTF-16 units, with a final mix so that neighbouring keys spread evenly. */
export function stickyHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
