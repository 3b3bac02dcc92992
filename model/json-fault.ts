import { isLosslessNumber } from 'lossless-json';

/**
 * Why a value is more than JSON can say, so that writing it as JSON would change it; null where it is not. An absent member and one that
 * is undefined are the same. What has `toJSON` says itself what it is.
 */
export function jsonFault(value: unknown): string | null {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? null : 'NaN and infinity, which JSON has not; write null, or a string';
    case 'function':
    case 'symbol':
      return `a ${typeof value}, which JSON has not; leave it out`;
    case 'object':
      return value === null || isLosslessNumber(value) ? null : objectFault(value);
    default:
      return null;
  }
}

function objectFault(value: object): string | null {
  if ('toJSON' in value && typeof value.toJSON === 'function') return jsonFault(value.toJSON());
  if (Array.isArray(value)) return listFault(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  // Of another realm, plain objects have another prototype.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null)
    return `a ${value.constructor.name}, of which JSON keeps only what lies open; make it a plain object or a list`;
  return firstFault(Object.values(value));
}

function listFault(list: readonly unknown[]): string | null {
  for (let index = 0; index < list.length; index++)
    if (list[index] === undefined) return 'a list with undefined in it, which JSON has not; write null';
  return firstFault(list);
}

function firstFault(values: readonly unknown[]): string | null {
  for (const value of values) {
    const fault = jsonFault(value);
    if (fault !== null) return fault;
  }
  return null;
}
