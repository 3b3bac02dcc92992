import { createHash } from 'node:crypto';
import { definitionDigest } from '../../model/definition.ts';
import type { BoundEntity } from './bound.ts';

/**
 * Gives bound entities their fingerprint: their definition and what an engine makes of it over the tables as they are. It is
 * computed once for each, because every call of a write routine carries it.
 *
 * @param made the routines' text, without the fingerprint that stands in it
 */
export function fingerprinting(made: (bound: BoundEntity) => string): (bound: BoundEntity) => string {
  return onceForEach((bound) =>
    createHash('sha256')
      .update(definitionDigest(bound.entity))
      .update(made(bound))
      .digest('hex')
      .slice(0, 16),
  );
}

/** What is made of an entity and its tables, once for each. */
export function onceForEach<T>(make: (bound: BoundEntity) => T): (bound: BoundEntity) => T {
  const known = new WeakMap<BoundEntity, { readonly made: T }>();
  return (bound) => {
    const before = known.get(bound);
    if (before !== undefined) return before.made;
    const made = make(bound);
    known.set(bound, { made });
    return made;
  };
}
