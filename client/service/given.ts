import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { isObject } from '../../model/is-object.ts';
import { entityNamed, type Migration } from '../../model/migration.ts';

/** What programs without types pass. An option with a typing error would mean nothing: a write would lose its id, a read its token. */
export function assertGiven(what: string, options: unknown, known: readonly string[]): void {
  if (!isObject(options))
    throw new LockstepError('InvalidInput', `the options of ${what} are no object; pass one, or nothing`);
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new LockstepError(
      'InvalidInput',
      `"${name}" is no option of ${what}; there are ${known.join(', ')}`,
      { path: name },
    );
  }
}

export function assertFlag(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw new LockstepError('InvalidInput', `${name} is neither true nor false`, { path: name });
}

/** The migration's own. Throws `UnknownEntity` where it has none of that name. */
export function declaredEntity(migration: Migration, given: unknown): Entity {
  const name = isObject(given) ? (given as Partial<Entity>).name : undefined;
  if (typeof name === 'string') return entityNamed(migration, name);
  const known = migration.entities.map((declared) => declared.name).join(', ');
  throw new LockstepError(
    'UnknownEntity',
    `what was given is no entity; pass one that entity({ … }) has declared: that of ${known}`,
  );
}
