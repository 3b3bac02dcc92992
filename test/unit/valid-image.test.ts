import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { entity, validImage } from '../../model/entity.ts';
import { table } from '../../model/shape.ts';

test('a schema may answer by a promise of another realm, and what it refuses is refused', async () => {
  const schema = z.strictObject({ id: z.int() });
  const standard = schema['~standard'];
  const given = entity({
    name: 'thing',
    schema,
    key: 'id',
    legacy: table('things'),
    modern: table('things'),
  });
  const foreign: PromiseConstructor = runInNewContext('Promise');
  const validate = (value: unknown) => foreign.resolve(standard.validate(value));
  const slow = { ...given, schema: { '~standard': { ...standard, validate } } };

  expect(await validImage(slow, { id: 1 })).toEqual(await validImage(given, { id: 1 }));
  await expect(validImage(slow, { id: 'one' })).rejects.toMatchObject({ code: 'InvalidEntity' });
});
