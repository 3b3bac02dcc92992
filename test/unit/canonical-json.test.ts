import fc from 'fast-check';
import { isLosslessNumber, LosslessNumber, parse } from 'lossless-json';
import { describe, expect, test } from 'vitest';
import { canonicalJson, plainNumber } from '../../model/canonical-json.ts';
import { NotCanonical } from '../../model/not-canonical.ts';
import { fromCanonical } from '../../model/scalar.ts';

/** JSON as it may be spelled: the same value in many texts. */
type Spelled =
  | { readonly literal: string }
  | { readonly list: readonly Spelled[] }
  | { readonly members: readonly (readonly [name: string, value: Spelled])[] };

const digits = fc.stringMatching(/^[0-9]{1,25}$/);
const number = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(fc.constant('0'), fc.stringMatching(/^[1-9][0-9]{0,25}$/)),
    fc.option(digits),
    fc.option(fc.tuple(fc.constantFrom('e', 'E', 'e+', 'E-', 'e-'), fc.stringMatching(/^0?[0-9]{1,2}$/))),
  )
  .map(
    ([sign, whole, fraction, exponent]) =>
      `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${exponent?.join('') ?? ''}`,
  );
/** A character as it is, or in one of its escapes. */
const character = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).map((one) => JSON.stringify(one).slice(1, -1)),
  fc.constantFrom('\\/', '\\"', '\\\\', '\\b', '\\u0000', '\\u001F', '\\u00e4', 'ä', '\\uD83C\\uDF89', '🎉'),
  fc.constantFrom('\u2028', '\u007f', '{', ']', ':', ',', "'", '\\\\\\\\', '\\\\\\"', '\\\\u0041'),
);
const string = fc.array(character, { maxLength: 8 }).map((characters) => `"${characters.join('')}"`);
const name = fc.oneof(
  { weight: 1, arbitrary: string },
  {
    weight: 2,
    arbitrary: fc.constantFrom('"__proto__"', '"constructor"', '"toString"', '"length"', '"0"', '"-1"', '""'),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom('"a"', '"\\u0061"', '"b"', '"aa"', '"B"', '"ä"', '"\\ud83c\\udf89"'),
  },
);
const literal = fc
  .oneof(number, string, fc.constantFrom('true', 'false', 'null'))
  .map((text) => ({ literal: text }));
const { value: valueWithTwins } = tree((members) => members);
const { value } = tree((members) => [...new Map(members.map((one) => [JSON.parse(one[0]), one])).values()]);

function tree(chosen: (members: [string, Spelled][]) => readonly (readonly [string, Spelled])[]) {
  return fc.letrec<{ value: Spelled }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, depthSize: 'small' },
      literal,
      fc.array(tie('value'), { maxLength: 5 }).map((list) => ({ list })),
      fc
        .array(fc.tuple(name, tie('value')), { maxLength: 6 })
        .map((members) => ({ members: chosen(members) })),
    ),
  }));
}

const blank = fc.constantFrom('', '', ' ', '\n', '\t \r');
/** A value's text, with blanks wherever they may be. */
const textOf = (spelled: fc.Arbitrary<Spelled>) =>
  fc
    .tuple(spelled, fc.infiniteStream(blank))
    .map(([one, blanks]) => written(one, () => blanks.next().value ?? ''));

function written(spelled: Spelled, between: () => string): string {
  const around = (text: string) => `${between()}${text}${between()}`;
  if ('literal' in spelled) return around(spelled.literal);
  if ('list' in spelled)
    return around(`[${between()}${spelled.list.map((one) => written(one, between)).join(',')}]`);
  const members = spelled.members.map(([called, one]) => `${around(called)}:${written(one, between)}`);
  return around(`{${between()}${members.join(',')}}`);
}

/** By the objects of a parser: slow, and heavy, and another way. */
function byObjects(text: string): string {
  return write(parse(text));

  function write(found: unknown): string {
    if (isLosslessNumber(found)) return plainNumber(found.value);
    if (found === null || typeof found !== 'object') return JSON.stringify(found);
    if (Array.isArray(found)) return `[${found.map(write).join(',')}]`;
    const members = Object.entries(found).sort(([left], [right]) => (left < right ? -1 : 1));
    return `{${members.map(([called, one]) => `${JSON.stringify(called)}:${write(one)}`).join(',')}}`;
  }
}

/** The canonical text of what a spelled value is; null where a name is there with two values. */
function expected(spelled: Spelled): string | null {
  if ('literal' in spelled) return byObjects(spelled.literal);
  if ('list' in spelled) {
    const items = spelled.list.map(expected);
    return items.includes(null) ? null : `[${items.join(',')}]`;
  }
  const members = new Map<string, string>();
  for (const [spelledName, one] of spelled.members) {
    const called: string = JSON.parse(spelledName);
    const text = expected(one);
    if (text === null || (members.get(called) ?? text) !== text) return null;
    members.set(called, text);
  }
  const sorted = [...members].sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${sorted.map(([called, text]) => `${JSON.stringify(called)}:${text}`).join(',')}}`;
}

function outcome(work: () => string): string {
  try {
    return work();
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof NotCanonical) return 'refused';
    throw error;
  }
}

describe('canonical JSON', () => {
  test('is what the objects of a parser come to', () => {
    fc.assert(
      fc.property(textOf(value), (text) => {
        const canonical = canonicalJson(text);
        expect(canonical).toBe(byObjects(text));
        expect(canonicalJson(canonical)).toBe(canonical);
      }),
      { numRuns: 2_000 },
    );
  });

  test('refuses a name with two values, however it is spelled, and takes one that is only said twice', () => {
    fc.assert(
      fc.property(valueWithTwins, fc.infiniteStream(blank), (spelled, blanks) => {
        const text = written(spelled, () => blanks.next().value ?? '');
        expect(outcome(() => canonicalJson(text))).toBe(expected(spelled) ?? 'refused');
      }),
      { numRuns: 2_000 },
    );
    expect(canonicalJson('{"b":1,"a":[1.0],"\\u0061":[1]}')).toBe('{"a":[1],"b":1}');
    expect(() => canonicalJson('{"a":[],"a":{}}')).toThrow('an object names a member twice');
    expect(() => canonicalJson('{"a":{"__proto__":{}},"a":{}}')).toThrow('an object names a member twice');
  });

  test('refuses what is no JSON, and nothing else', () => {
    const edit = fc.tuple(
      fc.nat(),
      fc.nat({ max: 2 }),
      fc.constantFrom('', '"', '\\', ',', '{', ']', '1', '-', '.', 'e', '\u0001', 'n', '\ufeff'),
    );
    fc.assert(
      fc.property(textOf(value), fc.array(edit, { minLength: 1, maxLength: 2 }), (text, edits) => {
        const broken = edits.reduce((given, [at, cut, put]) => {
          const place = at % (given.length + 1);
          return `${given.slice(0, place)}${put}${given.slice(place + cut)}`;
        }, text);
        const isJson = outcome(() => String(JSON.parse(broken) === undefined)) !== 'refused';
        const found = outcome(() => canonicalJson(broken));
        if (!isJson) expect(found).toBe('refused');
        else if (found !== 'refused') expect(found).toBe(byObjects(broken));
        else expect(() => canonicalJson(broken)).toThrow(/twice|surrogate|exponent/);
      }),
      { numRuns: 2_000 },
    );
    for (const text of [
      '',
      ' ',
      '1 2',
      '[1,]',
      '{"a":1,}',
      '{"a"}',
      '{1:2}',
      '[',
      '{"a":',
      '"',
      '"\\"',
      'nul',
      '01',
      '1.',
      '.5',
      '+1',
      '1e',
      '"\n"',
      '"\\x"',
      '"\\u12g4"',
      ',',
      ':',
      '[}',
      '{]',
    ])
      expect(() => canonicalJson(text), text).toThrow(SyntaxError);
  });

  test('says its numbers, and is seen by a program with those that JavaScript would round as they are', () => {
    fc.assert(
      fc.property(textOf(value), (text) => {
        const told: string[] = [];
        const canonical = canonicalJson(text, (one) => told.push(one));
        const seen: string[] = [];
        const exact = parse(canonical, undefined, (one) => {
          seen.push(one);
          return one;
        });
        expect(exact).toBeDefined();
        expect(told.toSorted()).toEqual(seen.toSorted());
        const found = fromCanonical({ kind: 'json' }, canonical);
        expect(JSON.stringify(found, exactNumber)).toBe(JSON.stringify(parse(canonical), exactNumber));
      }),
    );
    for (const rounded of ['9007199254740993', '-9007199254740993', '0.12345678901234567'])
      expect(fromCanonical({ kind: 'json' }, rounded), rounded).toEqual(new LosslessNumber(rounded));
    fc.assert(
      fc.property(fc.stringMatching(/^-?[1-9]\d{12,17}(\.\d{0,4}[1-9])?$/), (text) => {
        const found = fromCanonical({ kind: 'json' }, text);
        expect(isLosslessNumber(found) ? found.value : plainNumber(String(found))).toBe(text);
      }),
      { numRuns: 1_000 },
    );
    const [large, small, list] = fromCanonical(
      { kind: 'json' },
      '[12345678901234567890,1.5,["__proto__"]]',
    ) as unknown[];
    expect(large).toEqual(new LosslessNumber('12345678901234567890'));
    expect(small).toBe(1.5);
    expect(list).toEqual(['__proto__']);
  });
});

function exactNumber(_: string, found: unknown): unknown {
  if (isLosslessNumber(found)) return `number ${plainNumber(found.value)}`;
  return typeof found === 'number' ? `number ${plainNumber(String(found))}` : found;
}
