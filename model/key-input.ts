import type { Key } from './canonical.ts';
import type { Entity } from './entity.ts';
import { LockstepError } from './failure.ts';
import { NotCanonical } from './not-canonical.ts';
import { toCanonical } from './scalar.ts';

/** The value of a key of one field; an object with all fields of a composite one. */
export type KeyOf<E, K> = K extends readonly (infer N extends keyof E)[]
  ? Pick<E, N>
  : K extends keyof E
    ? E[K]
    : never;

type KeyFields<K> = K extends readonly (infer N)[] ? N : K;

/** The properties to change, without those of the key. */
export type Patch<E, K> = Partial<Omit<E, KeyFields<K> & PropertyKey>> & {
  readonly [P in KeyFields<K> & keyof E]?: never;
};

/** The key's canonical parts. Throws `InvalidKey` where one is missing or no value of its field. */
export function keyFrom({ name, key, fields }: Entity, input: unknown): Key {
  const parts = partsOf(key, input);
  if (!parts) {
    throw new LockstepError(
      'InvalidKey',
      `the key of ${name} is made of ${key.join(', ')}; pass an object with all of them`,
      { entity: name },
    );
  }
  return key.map((part) => {
    const declared = fields[part];
    const value = parts.get(part);
    if (declared?.form !== 'scalar' || value === undefined || value === null) {
      throw new LockstepError(
        'InvalidKey',
        `${name}.${part}: the key is incomplete; pass ${key.join(', ')}`,
        { entity: name },
      );
    }
    try {
      return String(toCanonical(declared.scalar, value));
    } catch (error) {
      if (!(error instanceof NotCanonical)) throw error;
      throw new LockstepError('InvalidKey', `${name}.${part}: ${error.message}`, {
        entity: name,
        path: `${name}.${part}`,
      });
    }
  });
}

/** Values by field. A key of one field may come alone; null where one of several does. */
function partsOf(key: readonly string[], input: unknown): ReadonlyMap<string, unknown> | null {
  const isObject = typeof input === 'object' && input !== null && !(input instanceof Uint8Array);
  if (isObject) return new Map<string, unknown>(Object.entries(input));
  const [only, ...others] = key;
  return only === undefined || others.length > 0 ? null : new Map([[only, input]]);
}
