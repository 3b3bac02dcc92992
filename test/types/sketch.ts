import * as v from 'valibot';
import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { rows, table } from '../../model/shape.ts';

const schema = z.strictObject({
  id: z.uuid(),
  n: z.number(),
  plan: z.enum(['free', 'pro']),
  email: z.email().nullable(),
  big: z.bigint(),
});
export const user = entity({
  name: 'user',
  schema,
  key: 'id',
  fields: { big: field.bigint(), plan: field.text() },
  legacy: table('users', { email: 'e' }),
  modern: table('users'),
});
const k: 'id' | undefined = user.keyed;
k;
const inv = z.strictObject({
  number: z.string(),
  customer: z.strictObject({ id: z.int(), city: z.string().nullable() }),
  lines: z.array(z.strictObject({ position: z.int(), price: z.string() })),
});
export const invoice = entity({
  name: 'invoice',
  schema: inv,
  key: ['number'],
  pattern: 'transactional',
  fields: {
    customer: field.shared({ name: 'customer', identity: ['id'] }),
    lines: field.list({ by: ['position'], fields: { price: field.decimal({ scale: 2 }) } }),
  },
  legacy: rows({
    tables: { invoices: { key: ['number'] } },
    toRows: ({ number, lines }: z.infer<typeof inv>) => ({
      invoices: lines.map(({ position }) => ({ number, position })),
    }),
    fromRows: ({ invoices }) => ({
      number: invoices[0]?.number ?? '',
      customer: { id: 1, city: null },
      lines: invoices.map(({ position }) => ({ position, price: '' })),
    }),
  }),
  modern: table('invoices'),
});
const p: 'transactional' = invoice.pattern;
p;
const a: 'both' = invoice.ack;
a;
const vs = v.object({ id: v.string(), n: v.number() });
export const val = entity({
  name: 'val',
  schema: vs,
  key: 'id',
  fields: { id: field.uuid(), n: field.float() },
  legacy: table('v'),
  modern: table('v'),
});
