import { expect, test } from 'vitest';
import { type Canonical, canonicalText, isSameValue } from '../../model/canonical.ts';
import { canonicalJson } from '../../model/canonical-json.ts';
import { NotCanonical } from '../../model/not-canonical.ts';
import { toCanonical } from '../../model/scalar.ts';
import { HybridClock, isNewer, millisecondsOf } from '../../model/version.ts';

test('equal images have one text, whatever the order of their fields', () => {
  expect(canonicalText({ b: '1', a: { d: null, c: ['2', '1'] } })).toBe(
    canonicalText({ a: { c: ['2', '1'], d: null }, b: '1' }),
  );
  expect(canonicalText({ a: ['1', '2'] })).not.toBe(canonicalText({ a: ['2', '1'] }));
});

test('values are the same where their texts are', () => {
  const scalars: Canonical[] = [
    null,
    true,
    false,
    '',
    'null',
    'true',
    '1',
    '[]',
    '{}',
    'a',
    '\u0000',
    '\ud83d',
  ];
  const flat: Canonical[] = [
    ...scalars,
    [],
    {},
    ...scalars.map((one) => [one]),
    ...scalars.map((one) => ({ a: one })),
  ];
  const values: Canonical[] = [
    ...flat,
    ...flat.flatMap((one): Canonical[] => [[one, '1'], ['1', one], { a: one, b: '1' }, { b: '1', a: one }]),
    JSON.parse('{"__proto__":"1"}'),
    JSON.parse('{"__proto__":{}}'),
    { constructor: '1' },
    { 0: '1' },
    { length: '1' },
  ];
  for (const left of values) {
    for (const right of values.map((value) => structuredClone(value))) {
      const isSame = canonicalText(left) === canonicalText(right);
      expect(isSameValue(left, right), `${canonicalText(left)} and ${canonicalText(right)}`).toBe(isSame);
    }
  }
});

test('half of a surrogate pair is refused, as text, in JSON and in its names', () => {
  const half = '\ud83d';
  expect(() => toCanonical({ kind: 'text' }, half)).toThrow(NotCanonical);
  expect(() => canonicalJson(JSON.stringify([half]))).toThrow(NotCanonical);
  expect(() => canonicalJson(JSON.stringify({ [half]: 1 }))).toThrow(NotCanonical);
  expect(toCanonical({ kind: 'text' }, '\ud83d\ude00')).toBe('😀');
});

test.each([
  ['1.50', '1.5'],
  ['15e-1', '1.5'],
  ['1.5e1', '15'],
  ['-0', '0'],
  ['-0.0', '0'],
  ['1e3', '1000'],
  ['12345678901234567890.10', '12345678901234567890.1'],
])('the JSON number %s is written as %s', (given, written) => {
  expect(canonicalJson(given)).toBe(written);
});

test('a JSON number with a huge exponent is refused', () => {
  expect(canonicalJson('1e1000')).toHaveLength(1_001);
  expect(() => canonicalJson('1e1001')).toThrow(NotCanonical);
});

test('the names of JSON are sorted', () => {
  expect(canonicalJson('{"b":1,"a":{"d":2,"c":3}}')).toBe('{"a":{"c":3,"d":2},"b":1}');
});

test('versions are compared as numbers', () => {
  expect(isNewer('10', '9')).toBe(true);
  expect(isNewer('9', '10')).toBe(false);
  expect(isNewer('9', '9')).toBe(false);
});

test('the clock gives no version twice and never goes back, whatever the wall clock does', () => {
  const walls = [1_000, 1_000, 900, 1_001, 0];
  const clock = new HybridClock(() => walls.shift() ?? 0);
  const versions = [1, 2, 3, 4, 5].map(() => clock.next());
  for (const [at, version] of versions.entries()) {
    const before = versions[at - 1];
    if (before !== undefined) expect(isNewer(version, before)).toBe(true);
  }
});

test('a clock that stood so far ahead that nobody took its versions is with the wall clock again', () => {
  const day = 86_400_000;
  const walls = [1_000, 1_000 + day, 1_001, 1_002 + 3 * day, 1_003];
  const clock = new HybridClock(() => walls.shift() ?? 0);
  const given = [1, 2, 3, 4, 5].map(() => millisecondsOf(clock.next()));
  expect(given).toEqual([1_000, 1_000 + day, 1_000 + day, 1_002 + 3 * day, 1_003]);
});
