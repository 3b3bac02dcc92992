import { expect, test } from 'vitest';
import { z } from 'zod';
import { entity } from '../../../model/entity.ts';
import { field } from '../../../model/field.ts';
import { saveSchema } from '../../../model/plain-schema.ts';
import { table } from '../../../model/shape.ts';

const line = z.strictObject({ no: z.int(), sku: z.string() });
const order = entity({
  name: 'order',
  schema: z.strictObject({
    shop: z.string(),
    no: z.bigint(),
    placed: z.iso.datetime(),
    seal: z.instanceof(Uint8Array).nullable(),
    lines: z.array(line),
  }),
  key: ['shop', 'no'],
  fields: { no: field.bigint(), seal: field.bytes(), lines: field.list({ by: ['no'] }) },
  legacy: table('orders'),
  modern: table('orders'),
});

test('it has a branch for each entity and kind, with the content of that kind', () => {
  const big = { type: ['integer', 'string'], pattern: '^-?[0-9]+$' };
  const key = { type: 'object', properties: { shop: { type: 'string' }, no: big }, required: ['shop', 'no'] };
  expect(saveSchema({ name: 'shop', entities: [order] })).toMatchObject({
    oneOf: [
      {
        properties: {
          entity: { const: 'order' },
          kind: { enum: ['create', 'replace'] },
          value: {
            properties: {
              no: big,
              placed: { anyOf: [{ type: 'string', format: 'date-time' }, { type: 'null' }] },
              seal: { anyOf: [{ type: 'string', contentEncoding: 'base64' }, { type: 'null' }] },
              lines: { anyOf: [{ type: 'array', items: { required: ['no'] } }, { type: 'null' }] },
            },
            required: ['shop', 'no'],
          },
        },
        required: ['entity', 'kind', 'value', 'operationId'],
      },
      {
        properties: { kind: { const: 'update' }, key, patch: { required: [] } },
        required: ['entity', 'kind', 'key', 'patch', 'operationId'],
      },
      { properties: { kind: { const: 'delete' }, key }, required: ['entity', 'kind', 'key', 'operationId'] },
    ],
  });
});
