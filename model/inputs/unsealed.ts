import { isObject } from '../is-object.ts';

/**
 * What a worker reads in the place of a payload that it does not take: with a key, of one that is not encrypted, or not for this workflow; and of bytes that
 * nobody can read. Code of a workflow or an activity never sees it: what comes in is looked at first.
 */
export const unsealed = { lockstep: 'a payload that is not encrypted for this workflow' } as const;
export const unreadable = { lockstep: 'a payload that nobody can read' } as const;

export function isUnsealed(value: unknown): boolean {
  return is(value, unsealed);
}

export function isUnreadable(value: unknown): boolean {
  return is(value, unreadable);
}

function is(value: unknown, marker: { readonly lockstep: string }): boolean {
  return isObject(value) && 'lockstep' in value && value.lockstep === marker.lockstep;
}
