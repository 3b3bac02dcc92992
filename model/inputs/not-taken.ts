import { isObject } from '../is-object.ts';

/**
 * What a worker reads in the place of a payload that it does not take. Code of a workflow or an activity never sees it: what comes in is looked at
 * first.
 */
export const unsealed = { lockstep: 'a payload that is not encrypted for this workflow' } as const;
export const unopened = { lockstep: 'a payload under a key that the worker does not hold' } as const;
export const unreadable = { lockstep: 'a payload that nobody can read' } as const;
export const tooDeep = { lockstep: 'a payload that nests too deep' } as const;

/** More than any record has. Code that goes down by calls, JSON's own too, has its end at a few thousand. */
export const maxDepth = 1_000;

const reasons: ReadonlyMap<unknown, string> = new Map([
  [unsealed.lockstep, 'it is not encrypted for this workflow, and its worker takes nothing else'],
  [
    unopened.lockstep,
    'it is encrypted with a key that its worker does not hold; encrypt with the key that workers have, or give them yours first',
  ],
  [unreadable.lockstep, "nobody can read it: it is neither JSON nor another encoding of Temporal's"],
  [tooDeep.lockstep, `it nests more than ${maxDepth} deep`],
]);

/** Null of what may be taken, as far as it could be read. */
export function whyNotTaken(value: unknown): string | null {
  return isObject(value) && 'lockstep' in value ? (reasons.get(value.lockstep) ?? null) : null;
}

export function isUnsealed(value: unknown): boolean {
  return isObject(value) && 'lockstep' in value && value.lockstep === unsealed.lockstep;
}

/** Without calls of itself: it is asked about what nests too deep for them. */
export function isTooDeep(value: unknown): boolean {
  const open: { readonly value: unknown; readonly depth: number }[] = [{ value, depth: 1 }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { value: inner, depth } = next;
    if (inner === null || typeof inner !== 'object' || ArrayBuffer.isView(inner)) continue;
    if (depth > maxDepth) return true;
    for (const member of Object.values(inner))
      if (member !== null && typeof member === 'object') open.push({ value: member, depth: depth + 1 });
  }
  return false;
}
