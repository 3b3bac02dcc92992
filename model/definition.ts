import { createHash } from 'node:crypto';
import type { Entity } from './entity.ts';

/**
 * A digest of all that decides how an entity lies in its stores: key, fields with their scalars, and shapes. It is the same in
 * every process of one definition. Functions have their declared `revision`, because their source differs with how a program was
 * built. Pattern and ack are left out: they say how a write travels, not what it writes.
 */
export function definitionDigest(entity: Entity): string {
  const known = digests.get(entity);
  if (known !== undefined) return known;
  const { name, key, fields, shapes } = entity;
  const digest = createHash('sha256')
    .update(JSON.stringify({ name, key, fields, shapes }, withSortedMembers))
    .digest('hex')
    .slice(0, 16);
  digests.set(entity, digest);
  return digest;
}

/** Every operation carries one. */
const digests = new WeakMap<Entity, string>();

/** Objects are written in one order, however they were declared; functions and what is absent are left out. */
function withSortedMembers(_: string, value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)));
}
