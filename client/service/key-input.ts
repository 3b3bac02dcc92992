import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { NotCanonical, toCanonical } from '../../model/scalar.ts';

/** The value of a one-field key, or an object with every field of a composite one. */
export type KeyInput<E> = string | number | bigint | Partial<E>;

/** The key's canonical parts. Throws `InvalidKey` where one is missing or no value of its field. */
export function keyFrom<E>({ name, key, fields }: Entity<E>, input: KeyInput<E>): Key {
  const given = typeof input === 'object' ? new Map(Object.entries(input)) : new Map([[key[0], input]]);
  if (typeof input !== 'object' && key.length > 1) {
    throw new LockstepError(
      'InvalidKey',
      `the key of ${name} is made of ${key.join(', ')}; pass an object with all of them`,
      {
        entity: name,
      },
    );
  }
  return key.map((part) => {
    const declared = fields[part];
    const value: unknown = given.get(part);
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
