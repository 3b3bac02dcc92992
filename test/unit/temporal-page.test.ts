import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { jsonSchemaOf } from '../support/json-schema.ts';
import { pagePath, temporalPage } from '../support/temporal-page.ts';

test('docs/temporal.md is as the code has workflows, messages and inputs', () => {
  expect(readFileSync(pagePath, 'utf8')).toBe(temporalPage());
});

test('a schema of an input is told as JSON Schema', () => {
  const schema = v.strictObject({
    name: v.pipe(v.string(), v.regex(/^[a-z]+$/, 'is no name'), v.maxLength(40)),
    share: v.nullable(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
    ids: v.optional(v.pipe(v.array(v.pipe(v.number(), v.safeInteger())), v.minLength(1))),
    kind: v.picklist(['a', 'b']),
    by: v.record(v.string(), v.boolean()),
  });
  expect(jsonSchemaOf(schema)).toEqual({
    type: 'object',
    properties: {
      name: { type: 'string', pattern: '^[a-z]+$', maxLength: 40 },
      share: { anyOf: [{ type: 'number', minimum: 0, maximum: 1 }, { type: 'null' }] },
      ids: { type: 'array', items: { type: 'integer' }, minItems: 1 },
      kind: { enum: ['a', 'b'] },
      by: { type: 'object', additionalProperties: { type: 'boolean' } },
    },
    required: ['name', 'share', 'kind', 'by'],
    additionalProperties: false,
  });
});
