import { expect, test } from 'vitest';
import { z } from 'zod';
import { canonicalJson } from '../../model/canonical-json.ts';
import { entity } from '../../model/entity.ts';
import { entityOf, field, imageOf, patchOf } from '../../model/field.ts';
import { NotCanonical } from '../../model/not-canonical.ts';
import { toCanonical } from '../../model/scalar.ts';
import { table } from '../../model/shape.ts';

const inherited = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', 'isPrototypeOf'];
const shapes = { legacy: table('things'), modern: table('things') };

test('a property may be called as what every object inherits', () => {
  for (const name of inherited) {
    const { fields, faults } = entity({
      name: 'thing',
      schema: z.object({ id: z.int(), [name]: z.string().nullable() }),
      key: 'id',
      ...shapes,
    });
    expect(faults).toEqual([]);
    expect(Object.keys(fields)).toEqual(['id', name]);
    expect(imageOf(fields, { id: 1 }, 'thing')).toEqual({ id: '1', [name]: null });
    expect(imageOf(fields, { id: 1, [name]: 'x' }, 'thing')).toEqual({ id: '1', [name]: 'x' });
    expect(entityOf(fields, { id: '1', [name]: 'x' })).toEqual({ id: 1, [name]: 'x' });
    expect(patchOf(fields, { [name]: 'x' }, 'thing')).toEqual({ [name]: 'x' });
  }
});

test('where it is no field, it is refused as any other name is', () => {
  const fields = { id: field.integer() };
  for (const name of inherited) {
    expect(() => imageOf(fields, { id: 1, [name]: 'x' }, 'thing')).toThrow(
      'not among the declared fields (id)',
    );
    expect(() => patchOf(fields, { [name]: 'x' }, 'thing')).toThrow('not among the declared fields (id)');
  }
  const { faults } = entity({
    name: 'thing',
    schema: z.object({ id: z.int() }),
    // @ts-expect-error the types know it too
    key: 'constructor',
    ...shapes,
  });
  expect(faults).toMatchObject([{ reason: 'names "constructor", which is not among the fields: id' }]);
});

test('a property called __proto__ is a fault, because it would be none', () => {
  const { faults } = entity({
    name: 'thing',
    schema: z.custom<{ id: number }>(),
    key: 'id',
    // @ts-expect-error no type has it
    fields: { id: field.integer(), ['__proto__']: field.text() },
    ...shapes,
  });
  expect(faults).toMatchObject([
    { path: 'thing.fields.__proto__', reason: expect.stringContaining('another one') },
  ]);
});

test('JSON that is nested too deeply says so, and nothing else', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  expect(canonicalJson(nested(1_000))).toBe(nested(1_000));
  for (const depth of [1_002, 100_000]) {
    expect(() => canonicalJson(nested(depth))).toThrow(NotCanonical);
    expect(() => canonicalJson(nested(depth))).toThrow(/JSON of more than 1000 levels/);
  }
  let value: unknown = [];
  for (let depth = 0; depth < 50_000; depth++) value = [value];
  expect(() => toCanonical({ kind: 'json' }, value)).toThrow(/JSON of more than 1000 levels/);
});
