import { entity, table } from 'lockstep';
import { z } from 'zod';

export const user = entity({
  name: 'user',
  schema: z.strictObject({ id: z.uuid(), email: z.email(), name: z.string().nullable() }),
  key: 'id',
  legacy: table('users'),
  modern: table('users'),
});
