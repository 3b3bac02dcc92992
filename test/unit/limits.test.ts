import { expect, test } from 'vitest';
import type { BoundColumn } from '../../databases/columns/bound.ts';
import type { ColumnLimits } from '../../databases/columns/catalogue.ts';
import { toColumn } from '../../databases/columns/column.ts';
import { unmapped } from '../../databases/columns/types.ts';
import { copyCell } from '../../databases/copy-format/copy-cell.ts';
import { NotCanonical } from '../../model/not-canonical.ts';
import type { Scalar } from '../../model/scalar.ts';

/** MySQL's own JSON and copies from MySQL to MySQL are told here, because the other tests run on MariaDB and PostgreSQL. */
function columnOf(scalar: Scalar, limits: ColumnLimits): BoundColumn {
  const asIs = (text: string) => text;
  return {
    name: 'v',
    declared: scalar.kind,
    rule: unmapped,
    nullable: true,
    generated: false,
    natural: scalar,
    single: false,
    limits,
    specialValues: [],
    read: asIs,
    write: asIs,
    compare: asIs,
    equal: '=',
    asText: null,
    bytes: null,
    uuidBytes: null,
    sortsByBytes: true,
    compact: () => null,
    canonical: () => null,
    scalar,
  };
}

const json: Scalar = { kind: 'json' };
const inMysql = columnOf(json, { jsonDoubles: true });

test.each([
  '9223372036854775807',
  '-9223372036854775808',
  '18446744073709551615',
  '0.1',
  '1000000000000000000000',
  '{"a":[0.30000000000000004,"18446744073709551616"]}',
])('MySQL keeps %s within JSON', (text) => {
  expect(toColumn(inMysql, json, text)).toBe(text);
});

test.each([
  '18446744073709551616',
  '-9223372036854775809',
  '0.1234567890123456789',
  '{"a":[1,{"b":0.1234567890123456789}]}',
])('MySQL would round %s within JSON', (text) => {
  expect(() => toColumn(inMysql, json, text)).toThrow(NotCanonical);
  expect(toColumn(columnOf(json, {}), json, text)).toBe(text);
});

test('a text with NUL characters takes the long way, on which it is refused', () => {
  const text: Scalar = { kind: 'text' };
  const cell = copyCell(columnOf(text, {}), columnOf(text, {}), '');
  const bytes = Buffer.from('xa\0bx');
  expect(cell.fits(bytes, 0, 2)).toBe(true);
  expect(cell.fits(bytes, 0, 4)).toBe(false);
  expect(() => cell.convert('a\0b')).toThrow(NotCanonical);
});

test('a decimal without scale takes the long way into a column with one, which would round it', () => {
  const free: Scalar = { kind: 'decimal', scale: null };
  const narrow = { ...columnOf({ kind: 'decimal', scale: 2 }, {}), scalar: free };
  const bytes = Buffer.from('1.005');
  expect(copyCell(columnOf(free, {}), columnOf(free, {}), '').fits(bytes, 0, 5)).toBe(true);
  const cell = copyCell(columnOf(free, {}), narrow, '');
  expect(cell.fits(bytes, 0, 5)).toBe(false);
  expect(() => cell.convert('1.005')).toThrow(NotCanonical);
  expect(cell.convert('1.500')).toBe('1.5');
});

test('PostgreSQL is not asked to keep a NUL', () => {
  const text: Scalar = { kind: 'text', nul: 'bytes' };
  const why = /NUL character, which \w+ refuses; use a bytea column/;
  expect(() => toColumn(columnOf(text, { noNul: true }), text, 'a\0b')).toThrow(why);
  expect(() => toColumn(columnOf(json, { noNul: true }), json, '{"a\\u0000":1}')).toThrow(why);
  expect(toColumn(columnOf(json, { noNul: true }), json, '"\\\\u0000"')).toBe('"\\\\u0000"');
});

test('a text that is bounded in bytes is told as too long, whichever of its characters is beyond them', () => {
  const text: Scalar = { kind: 'text' };
  const tiny = columnOf(text, { utf8Bytes: 5 });
  for (const fits of ['üüx', 'xxxxx', '🎉x', '']) expect(toColumn(tiny, text, fits)).toBe(fits);
  for (const tooLong of ['üüü', 'xxxxxx', '🎉üx'])
    expect(() => toColumn(tiny, text, tooLong)).toThrow(
      'is too long for text; shorten it, or widen the column',
    );
});
