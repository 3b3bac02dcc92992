import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { defineMigration, type Migration, type MigrationOptions } from '../../model/migration.ts';
import { table } from '../../model/shape.ts';

/** `account` as it is declared once its tables have a column more. */
export const noted = entity({
  name: 'account',
  schema: z.strictObject({
    id: z.int().positive(),
    owner: z.string().min(1),
    email: z.string().nullable(),
    balance: z.string(),
    note: z.string().nullable(),
  }),
  key: 'id',
  fields: { balance: field.decimal({ scale: 2 }) },
  legacy: table('accounts'),
  modern: table('accounts'),
});

export const addNote = 'ALTER TABLE accounts ADD COLUMN note varchar(20)';

/** The same migration as another version of its configuration declares it. */
export function redefined(migration: Migration, given: Partial<MigrationOptions>): Migration {
  const { name, entities, policy, stores, taskQueue } = migration;
  const changed = defineMigration({ name, entities, taskQueue, deadline: policy.deadline, ...given });
  return { ...changed, stores, policy: given.deadline ? changed.policy : policy };
}
