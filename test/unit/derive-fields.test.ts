import * as v from 'valibot';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { table } from '../../model/shape.ts';

const shapes = { legacy: table('things'), modern: table('things') };
const precision = null;

test('fields come from the schema, those that it cannot say from the declaration', () => {
  const { fields, faults } = entity({
    name: 'thing',
    schema: z
      .strictObject({
        id: z.uuid(),
        name: z.string().min(1).nullable(),
        mail: z.email().default('none@example.com'),
        plan: z.enum(['free', 'pro']).nullable(),
        kind: z.literal('thing'),
        rank: z.union([z.literal(1), z.literal(2)]),
        visits: z.int(),
        ratio: z.number().optional(),
        flag: z.boolean(),
        day: z.iso.date(),
        at: z.iso.datetime().nullable(),
        serial: z.bigint(),
        price: z.string(),
      })
      .refine(({ visits }) => visits >= 0),
    key: 'id',
    fields: { serial: field.bigint(), price: field.decimal({ scale: 2 }) },
    ...shapes,
  });
  expect(faults).toEqual([]);
  expect(Object.entries(fields).map(([name, one]) => [name, one.form === 'scalar' && one.scalar])).toEqual([
    ['id', { kind: 'uuid' }],
    ['name', { kind: 'text' }],
    ['mail', { kind: 'text' }],
    ['plan', { kind: 'text' }],
    ['kind', { kind: 'text' }],
    ['rank', { kind: 'float' }],
    ['visits', { kind: 'integer' }],
    ['ratio', { kind: 'float' }],
    ['flag', { kind: 'boolean' }],
    ['day', { kind: 'date' }],
    ['at', { kind: 'timestamp', precision }],
    ['serial', { kind: 'bigint' }],
    ['price', { kind: 'decimal', scale: 2 }],
  ]);
});

test('members of records and lists come from the schema as well', () => {
  const { fields } = entity({
    name: 'invoice',
    schema: z.strictObject({
      id: z.string(),
      address: z.strictObject({ street: z.string(), since: z.iso.date().nullable() }).nullable(),
      customer: z.strictObject({ id: z.int(), name: z.string() }),
      lines: z.array(z.strictObject({ position: z.int(), price: z.string() })),
    }),
    key: 'id',
    fields: {
      customer: field.shared({ name: 'customer', identity: ['id'] }),
      lines: field.list({ by: ['position'], fields: { price: field.decimal({ scale: 2 }) } }),
    },
    ...shapes,
  });
  const scalar = (kind: string) => ({ form: 'scalar', scalar: { kind } });
  expect(fields).toEqual({
    id: scalar('text'),
    address: { form: 'record', shared: null, fields: { street: scalar('text'), since: scalar('date') } },
    customer: {
      form: 'record',
      shared: { name: 'customer', identity: ['id'] },
      fields: { id: scalar('integer'), name: scalar('text') },
    },
    lines: {
      form: 'list',
      by: ['position'],
      fields: { position: scalar('integer'), price: field.decimal({ scale: 2 }) },
    },
  });
});

test('what the schema cannot say, and nobody named, is a fault with the remedy', () => {
  const part = z.strictObject({
    id: z.string(),
    get parts() {
      return z.array(part);
    },
  });
  const { faults } = entity({
    name: 'thing',
    schema: z.strictObject({
      id: z.string(),
      any: z.unknown(),
      either: z.union([z.string(), z.number()]),
      length: z.string().transform((text) => text.length),
      names: z.record(z.string(), z.string()),
      inner: z.strictObject({ big: z.bigint() }),
      chain: part,
      labels: z.array(z.string()),
    }),
    key: 'id',
    fields: { labels: field.set() },
    ...shapes,
  });
  const reasons = new Map(faults.map(({ path, reason }) => [path, reason]));
  for (const name of ['any', 'either', 'length', 'names', 'inner.big'])
    expect(reasons.get(`thing.fields.${name}`)).toMatch(/name it in `fields`, such as field\.bigint\(\)/);
  expect(reasons.get('thing.fields.chain.parts')).toMatch(/it is a list: name it in `fields`/);
  expect(reasons.has('thing.fields.labels')).toBe(false);
});

test('a library without JSON Schema has every field named, and it is the declaration that counts', () => {
  const schema = v.strictObject({ id: v.string(), visits: v.number() });
  const fields = { id: field.uuid(), visits: field.integer() };
  expect(entity({ name: 'guest', schema, key: 'id', fields, ...shapes })).toMatchObject({
    fields,
    faults: [],
  });
  // @ts-expect-error the types know it too
  const { faults } = entity({ name: 'guest', schema, key: 'id', ...shapes });
  expect(faults).toContainEqual({
    path: 'guest.fields',
    reason: expect.stringContaining('name every property'),
  });
});

test('a name that the schema does not have is a fault', () => {
  const { faults } = entity({
    name: 'thing',
    schema: z.strictObject({ id: z.string() }),
    key: 'id',
    // @ts-expect-error the types know it too
    fields: { idd: field.text() },
    ...shapes,
  });
  expect(faults).toEqual([
    { path: 'thing.fields.idd', reason: 'the schema has no property "idd"; it has id' },
  ]);
});
