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
export function keyFrom(entity: Entity, input: unknown): Key {
  const { name, key } = entity;
  const [only, ...others] = key;
  if (typeof input === 'object' && input !== null && !(input instanceof Uint8Array)) {
    const parts = new Map<string, unknown>(Object.entries(input));
    return key.map((part) => partFrom(entity, part, parts.get(part)));
  }
  if (only !== undefined && others.length === 0) return [partFrom(entity, only, input)];
  throw new LockstepError(
    'InvalidKey',
    `the key of ${name} is made of ${key.join(', ')}; pass an object with all of them`,
    { entity: name },
  );
}

function partFrom({ name, key, fields }: Entity, part: string, value: unknown): string {
  const declared = fields[part];
  if (declared?.form !== 'scalar' || value === undefined || value === null) {
    throw new LockstepError('InvalidKey', `${name}.${part}: the key is incomplete; pass ${key.join(', ')}`, {
      entity: name,
    });
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
}
