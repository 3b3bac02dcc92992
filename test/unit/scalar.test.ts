import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NotCanonical } from '../../model/not-canonical.ts';
import { type Scalar, toCanonical } from '../../model/scalar.ts';

const whole: Scalar = { kind: 'bigint' };
const money: Scalar = { kind: 'decimal', scale: 2 };
const instant: Scalar = { kind: 'timestamp', precision: 6 };

test.each([
  [whole, '0', '0'],
  [whole, '-0', '0'],
  [whole, '007', '7'],
  [whole, '+7', '7'],
  [whole, '-123456789012345', '-123456789012345'],
  [whole, '1234567890123456789', '1234567890123456789'],
  [money, '0.00', '0.00'],
  [money, '-0.00', '0.00'],
  [money, '01.50', '1.50'],
  [money, '-1.50', '-1.50'],
  [money, '1.5', '1.50'],
  [money, '1.500', '1.50'],
  [money, '1', '1.00'],
  [instant, '2024-02-28T23:59:59.999999Z', '2024-02-28T23:59:59.999999Z'],
  [instant, '2024-02-29T00:00:00.000000Z', '2024-02-29T00:00:00.000000Z'],
  [instant, '2024-12-31T00:00:00Z', '2024-12-31T00:00:00.000000Z'],
  [instant, '2024-01-01T24:00:00.000000Z', '2024-01-02T00:00:00.000000Z'],
  [instant, '2024-01-01T01:00:00.500000+02:00', '2023-12-31T23:00:00.500000Z'],
] as const)('%j: %s is kept as %s', (scalar, given, kept) => {
  expect(toCanonical(scalar, given)).toBe(kept);
});

test.each([
  [whole, '1.0'],
  [whole, ''],
  [whole, '1\n'],
  [money, '1.505'],
  [money, '1.50\n'],
  [money, '.50'],
  [instant, '0000-01-01T00:00:00.000000Z'],
  [instant, '2023-02-29T00:00:00.000000Z'],
  [instant, '2024-00-01T00:00:00.000000Z'],
  [instant, '2024-13-01T00:00:00.000000Z'],
  [instant, '2024-01-00T00:00:00.000000Z'],
  [instant, '2024-01-01T00:60:00.000000Z'],
  [instant, '2024-01-01T00:00:00.000000Z\n'],
] as const)('%j: %j is refused', (scalar, given) => {
  expect(() => toCanonical(scalar, given)).toThrow(NotCanonical);
});

test('what is kept is kept as it is the next time', () => {
  const moment = fc
    .date({
      min: new Date('0001-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59.999Z'),
      noInvalidDate: true,
    })
    .map((date) => date.toISOString());
  fc.assert(
    fc.property(
      fc.bigInt(),
      fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
      moment,
      (integer, cents, date) => {
        const digits = String(cents < 0n ? -cents : cents).padStart(3, '0');
        const decimal = `${cents < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
        expect(toCanonical(whole, String(integer))).toBe(String(integer));
        expect(toCanonical(money, decimal)).toBe(decimal);
        const kept = date.replace('Z', '000Z');
        expect(toCanonical(instant, date)).toBe(kept);
        expect(toCanonical(instant, kept)).toBe(kept);
      },
    ),
  );
});

class Money {
  readonly cents = 5;
}

test.each([
  ['NaN', { price: Number.NaN }, /NaN and infinity/],
  ['infinity, deep within', [{ list: [1, [Number.POSITIVE_INFINITY]] }], /NaN and infinity/],
  ['a function', { call: () => 1 }, /a function/],
  ['a function alone', () => 1, /a function/],
  ['a symbol', [Symbol('s')], /a symbol/],
  ['a Map', { map: new Map([[1, 2]]) }, /a Map/],
  ['a Set', new Set([1]), /a Set/],
  ['an object of a class', { money: new Money() }, /a Money/],
  ['undefined in a list', [1, undefined], /undefined in it/],
  ['a hole in a list', new Array(1), /undefined in it/],
])('JSON that would be written as something else is refused: %s', (_, value, reason) => {
  expect(() => toCanonical({ kind: 'json' }, value)).toThrow(reason);
});

test('JSON takes what JSON can say', () => {
  const value = {
    absent: undefined,
    at: new Date(0),
    big: 2n ** 70n,
    none: null,
    own: Object.assign(Object.create(null), { a: [true, 'x', 1.5] }),
  };
  expect(toCanonical({ kind: 'json' }, value)).toBe(
    `{"at":"1970-01-01T00:00:00.000Z","big":${2n ** 70n},"none":null,"own":{"a":[true,"x",1.5]}}`,
  );
});
