import { columns, entity, field } from 'lockstep';
import { z } from 'zod';

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
