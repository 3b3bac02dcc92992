import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { columns } from '../../model/shape.ts';

const userSchema = z.strictObject({
  id: z.uuid(),
  email: z.email(),
  name: z.string().nullable(),
});

export type User = z.infer<typeof userSchema>;

export const user = entity<User>({
  name: 'user',
  schema: userSchema,
  key: 'id',
  fields: { id: field.uuid(), email: field.text(), name: field.text() },
  legacy: columns({ table: 'users' }),
  modern: columns({ table: 'users' }),
});
