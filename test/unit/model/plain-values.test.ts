import { expect, test } from 'vitest';
import { field } from '../../../model/field.ts';
import { fromPlain, valueFrom } from '../../../model/plain-values.ts';

const fields = {
  big: field.bigint(),
  raw: field.bytes(),
  name: field.text(),
  lines: field.list({ by: ['no'], fields: { no: field.bigint(), part: field.bytes() } }),
};

test('bigints and bytes come in, wherever they stand', () => {
  expect(
    fromPlain(fields, {
      big: '9223372036854775807',
      raw: 'AP8=',
      name: '12',
      lines: [{ no: 1, part: null }],
    }),
  ).toEqual({
    big: 9_223_372_036_854_775_807n,
    raw: new Uint8Array([0, 255]),
    name: '12',
    lines: [{ no: 1n, part: null }],
  });
});

test('what is of another form stays as it is, for the schema to refuse', () => {
  const plain = { big: '1.5', raw: 'no base64!', lines: 'none', other: 1 };
  expect(fromPlain(fields, plain)).toEqual(plain);
  expect(fromPlain(fields, null)).toBeNull();
  // A reader of JSON has rounded it.
  expect(valueFrom(fields.big, 2 ** 60)).toBe(2 ** 60);
});

test('a member of any name is a member of its own', () => {
  const given = JSON.parse('{"__proto__": {"big": "1"}, "constructor": 1}') as unknown;
  expect(fromPlain(fields, given)).toEqual(given);
});
