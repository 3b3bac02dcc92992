import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { table } from '../../model/shape.ts';

export const user = entity({
  name: 'user',
  schema: z.strictObject({ id: z.uuid(), email: z.email(), name: z.string().nullable() }),
  key: 'id',
  legacy: table('users'),
  modern: table('users'),
});
