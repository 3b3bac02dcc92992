/** Checked by the compiler alone: a misuse that compiles fails `npm run check`. */
import * as v from 'valibot';
import { z } from 'zod';
import { type Entity, entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { rows, table } from '../../model/shape.ts';

const schema = z.strictObject({
  id: z.uuid(),
  visits: z.number(),
  plan: z.enum(['free', 'pro']),
  email: z.email().nullable(),
  serial: z.bigint(),
});
const named = { serial: field.bigint() };
const shapes = { legacy: table('users'), modern: table('users') };
type User = z.infer<typeof schema>;

export const user = entity({ name: 'user', schema, key: 'id', fields: named, ...shapes });
user satisfies Entity<User, 'id', 'primary-secondary', 'primary'>;
user satisfies Entity;

export const bound = entity({
  name: 'bound',
  schema,
  key: 'id',
  fields: named,
  ...shapes,
  pattern: 'transactional',
});
bound satisfies Entity<User, 'id', 'transactional', 'both'>;

export const noted = entity({ name: 'noted', schema, key: 'id', fields: named, ...shapes, ack: 'recorded' });
noted satisfies Entity<User, 'id', 'primary-secondary', 'recorded'>;

export const slot = entity({
  name: 'slot',
  schema: z.strictObject({ room: z.string(), day: z.iso.date(), who: z.string().nullable() }),
  key: ['room', 'day'],
  ...shapes,
});
slot satisfies Entity<{ room: string; day: string; who: string | null }, readonly ['room', 'day']>;

// A field that accepts more than the schema allows fits; one of another kind does not.
entity({
  name: 'user',
  schema,
  key: 'id',
  fields: { ...named, plan: field.text(), email: field.text() },
  ...shapes,
});
// @ts-expect-error a number is no text
entity({ name: 'user', schema, key: 'id', fields: { ...named, visits: field.text() }, ...shapes });
// @ts-expect-error a text is no number
entity({ name: 'user', schema, key: 'id', fields: { ...named, email: field.integer() }, ...shapes });
// @ts-expect-error a bigint is no safe integer
entity({ name: 'user', schema, key: 'id', fields: { serial: field.integer() }, ...shapes });
// @ts-expect-error JSON Schema has no bigint, so it is named
entity({ name: 'user', schema, key: 'id', ...shapes });
// @ts-expect-error no such property
entity({ name: 'user', schema, key: 'id', fields: { ...named, emial: field.text() }, ...shapes });
// @ts-expect-error no such key
entity({ name: 'user', schema, key: 'idd', fields: named, ...shapes });
// @ts-expect-error no such part of a key
entity({ name: 'user', schema, key: ['id', 'idd'], fields: named, ...shapes });
// @ts-expect-error no such pattern
entity({ name: 'user', schema, key: 'id', fields: named, ...shapes, pattern: 'both' });
// @ts-expect-error no such acknowledgement
entity({ name: 'user', schema, key: 'id', fields: named, ...shapes, ack: 'never' });

entity({
  name: 'user',
  schema,
  key: 'id',
  fields: named,
  ...shapes,
  legacy: table('users', { email: 'mail' }),
});
const misnamed = table('users', { emial: 'mail' });
// @ts-expect-error no such field to rename
entity({ name: 'user', schema, key: 'id', fields: named, legacy: misnamed, modern: misnamed });

const invoiceSchema = z.strictObject({
  number: z.string(),
  customer: z.strictObject({ id: z.int(), city: z.string().nullable() }),
  lines: z.array(z.strictObject({ position: z.int(), price: z.string() })),
});
const customer = field.shared({ name: 'customer', identity: ['id'] });
const lines = field.list({ by: ['position'], fields: { price: field.decimal({ scale: 2 }) } });
const shape = rows({
  tables: { invoices: { key: ['number'] } },
  toRows: ({ number, lines, customer }: z.infer<typeof invoiceSchema>) => ({
    invoices: lines.map((line) => ({ number, ...customer, ...line })),
  }),
  fromRows: ({ invoices }) => ({
    number: invoices[0]?.number ?? '',
    customer: { id: invoices[0]?.id ?? 0, city: invoices[0]?.city ?? null },
    lines: invoices.map(({ position, price }) => ({ position, price })),
  }),
});
const invoice = {
  name: 'invoice',
  schema: invoiceSchema,
  key: 'number',
  legacy: shape,
  modern: shape,
} as const;
entity({ ...invoice, fields: { customer, lines } });
// @ts-expect-error a list is always named
entity({ ...invoice, fields: { customer } });
// @ts-expect-error no such member of an item
entity({ ...invoice, fields: { customer, lines: field.list({ by: ['positoin'] }) } });
const strange = field.list({ by: ['position'], fields: { cost: field.text() } });
// @ts-expect-error no such member to declare
entity({ ...invoice, fields: { customer, lines: strange } });
const notLoadable = field.list({ by: ['position'], fields: { price: field.bigint() } });
// @ts-expect-error a member of another kind
entity({ ...invoice, fields: { customer, lines: notLoadable } });
// @ts-expect-error no such member of the identity
entity({ ...invoice, fields: { lines, customer: field.shared({ name: 'customer', identity: ['number'] }) } });
// @ts-expect-error a record is no list
entity({ ...invoice, fields: { lines, customer: field.list({ by: ['id'] }) } });
// @ts-expect-error the functions are of another entity
entity({ name: 'user', schema, key: 'id', fields: named, legacy: shape, modern: table('users') });
rows({
  tables: { invoices: { key: ['number'] } },
  toRows: ({ number }: { number: string }) => ({ invoices: [{ number }] }),
  // @ts-expect-error no such column in the rows
  fromRows: ({ invoices }) => ({ number: invoices[0]?.nubmer ?? '' }),
});
rows({
  // @ts-expect-error no rows of such a table
  tables: { invoices: { key: ['number'] }, others: { key: ['number'] } },
  toRows: ({ number }: { number: string }) => ({ invoices: [{ number }] }),
  fromRows: () => ({ number: '' }),
});

// A library without JSON Schema: every property is named.
const plain = v.strictObject({
  id: v.string(),
  visits: v.number(),
  plan: v.picklist(['free', 'pro']),
  note: v.nullable(v.string()),
});
const all = { id: field.uuid(), visits: field.float(), plan: field.text(), note: field.text() };
export const guest = entity({ name: 'guest', schema: plain, key: 'id', fields: all, ...shapes });
guest satisfies Entity<v.InferOutput<typeof plain>, 'id'>;
// @ts-expect-error properties are missing
entity({ name: 'guest', schema: plain, key: 'id', fields: { id: field.uuid() }, ...shapes });
// @ts-expect-error all of them are
entity({ name: 'guest', schema: plain, key: 'id', ...shapes });
// @ts-expect-error a number is no text
entity({ name: 'guest', schema: plain, key: 'id', fields: { ...all, visits: field.text() }, ...shapes });
// @ts-expect-error no such key
entity({ name: 'guest', schema: plain, key: 'name', fields: all, ...shapes });
