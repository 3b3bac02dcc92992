import { type RawPayload, rawJson } from './raw-payloads.ts';
import { secret } from './unsound.ts';

/** A save in JSON, as a text, with something in it that a JSON library may write and no schema means. */
export interface OddSave {
  readonly what: string;
  readonly input: (operationId: string) => RawPayload;
}

const number = '7';
const sound = '"id":7,"owner":"o","email":null,"balance":"1.00"';
const nested = (depth: number, open: string, close: string) => open.repeat(depth) + close.repeat(depth);
const long = 'x'.repeat(1_500_000);

/** Values of a record of which each is refused, in the place of the sound one. */
const values: Readonly<Record<string, string>> = {
  'a value nested 3,000 deep': nested(3_000, '[', ']'),
  'a value nested 100,000 deep': `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`,
  'a field nested 3,000 deep': `{"id":7,"owner":${nested(3_000, '[', ']')},"email":null,"balance":"1.00"}`,
  'a field nested 100,000 deep': `{"id":7,"owner":${nested(100_000, '[', ']')},"email":null,"balance":"1.00"}`,
  'a list of 200,000': `[${'1,'.repeat(200_000)}1]`,
  'a field that is a list of 200,000': `{"id":7,"owner":[${'1,'.repeat(200_000)}1],"email":null,"balance":"1.00"}`,
  'an object of 50,000 members': `{${Array.from({ length: 50_000 }, (_, at) => `"${secret}${at}":1`).join(',')}}`,
  'a member __proto__': `{${sound},"__proto__":{"owner":"${secret}"}}`,
  'a member constructor': `{${sound},"constructor":{"prototype":{"a":1}}}`,
  'a record that is __proto__ alone': `{"__proto__":{${sound}}}`,
  'a member toString': `{${sound},"toString":"${secret}"}`,
  'a member hasOwnProperty': `{${sound},"hasOwnProperty":true}`,
  'an empty member': `{${sound},"":1}`,
  'a member with NUL': `{${sound},"own\\u0000er":1}`,
  'a lone high surrogate': sound.replace('"o"', '"a\\ud800"'),
  'a lone low surrogate': sound.replace('"o"', '"\\udc00b"'),
  'surrogates in the wrong order': sound.replace('"o"', '"\\udc00\\ud800"'),
  'NUL in a text': sound.replace('"o"', '"a\\u0000b"'),
  'an id as a text': sound.replace(number, `"7"`),
  'an id as a text with a newline': sound.replace(number, '"7\\n"'),
  'an id with a fraction': sound.replace(number, '7.5'),
  'an id beyond the largest number': sound.replace(number, '1e400'),
  'an id beyond what a number is exact for': sound.replace(number, '9007199254740993'),
  'an id beyond the column': sound.replace(number, '2147483648'),
  'an id below zero': sound.replace(number, '-7'),
  'an id of zero': sound.replace(number, '-0'),
  'an id that is true': sound.replace(number, 'true'),
  'an id in a list': sound.replace(number, '[7]'),
  'no id': sound.replace('"id":7,', ''),
  'an id that is null': sound.replace(number, 'null'),
  'a decimal as a number': sound.replace('"1.00"', '1'),
  'a decimal with an exponent': sound.replace('1.00', '1e2'),
  'a decimal of a thousand digits': sound.replace('1.00', '1'.repeat(1_000)),
  'a decimal with too many places': sound.replace('1.00', '1.005'),
  'a decimal in hexadecimal': sound.replace('1.00', '0x10'),
  'a decimal that is not a number': sound.replace('1.00', 'NaN'),
  'a decimal that is infinite': sound.replace('1.00', '-Infinity'),
  'a decimal with a newline': sound.replace('1.00', '1.00\\n'),
  'a decimal in full-width digits': sound.replace('1.00', '１.00'),
  'a decimal that is empty': sound.replace('1.00', ''),
  'a decimal with separators': sound.replace('1.00', '1_000.00'),
  'a text of 1.5 MB': sound.replace('"o"', `"${long}"`),
  'a text that is empty': sound.replace('"o"', '""'),
  'a text that is a date object': sound.replace('"o"', '{"$date":"2020-01-01"}'),
};

const ids: Readonly<Record<string, string>> = {
  'with a newline': '"odd\\n"',
  'with NUL': '"odd\\u0000"',
  'with a slash': '"odd/1"',
  'with a blank': '"odd id"',
  'that is empty': '""',
  'of 161 characters': `"${'i'.repeat(161)}"`,
  'of a million characters': `"${'i'.repeat(1_000_000)}"`,
  'in full-width letters': '"ｏｄｄ"',
  'with a lone surrogate': '"\\ud800"',
  'that is a number': '7',
  'that is true': 'true',
  'that is null': 'null',
  'in a list': '["odd"]',
  'that is an object with toString': '{"toString":"odd"}',
  'with an accent that composes': '"e\\u0301"',
  'from right to left': '"\\u202eodd"',
};

const wholes: Readonly<Record<string, string>> = {
  'two values, the second a list': `{"entity":"account","kind":"create","value":{${sound}},"value":[],"operationId":"odd"}`,
  'two ids, the second bad': `{"entity":"account","kind":"create","value":{${sound}},"operationId":"odd","operationId":"o d d"}`,
  'two kinds, the second none': `{"entity":"account","kind":"create","kind":"upsert","value":{${sound}},"operationId":"odd"}`,
  'a member __proto__ beside the others': `{"__proto__":{"kind":"create"},"entity":"account","value":{${sound}},"operationId":"odd"}`,
  'an entity named __proto__': `{"entity":"__proto__","kind":"create","value":{${sound}},"operationId":"odd"}`,
  'an entity named constructor': `{"entity":"constructor","kind":"create","value":{${sound}},"operationId":"odd"}`,
  'a kind named __proto__': `{"entity":"account","kind":"__proto__","value":{${sound}},"operationId":"odd"}`,
  'an ack named toString': `{"entity":"account","kind":"create","value":{${sound}},"operationId":"odd","ack":"toString"}`,
  'a version of the form that is 1e400': `{"entity":"account","kind":"create","value":{${sound}},"operationId":"odd","inputVersion":1e400}`,
  'a version of the form that is true': `{"entity":"account","kind":"create","value":{${sound}},"operationId":"odd","inputVersion":true}`,
  'a delete with a value': `{"entity":"account","kind":"delete","key":7,"value":{${sound}},"operationId":"odd"}`,
  'a delete of a list of keys': `{"entity":"account","kind":"delete","key":[7,8],"operationId":"odd"}`,
  'a delete of a key that is __proto__': `{"entity":"account","kind":"delete","key":{"__proto__":7},"operationId":"odd"}`,
  'a delete of a key nested 3,000 deep': `{"entity":"account","kind":"delete","key":${nested(3_000, '[', ']')},"operationId":"odd"}`,
  'a delete of a key of 1.5 MB': `{"entity":"account","kind":"delete","key":"${long}","operationId":"odd"}`,
  'an update that changes the key': `{"entity":"account","kind":"update","key":7,"patch":{"id":8},"operationId":"odd"}`,
  'an update of nothing': `{"entity":"account","kind":"update","key":7,"patch":{},"operationId":"odd"}`,
  'an update of __proto__': `{"entity":"account","kind":"update","key":7,"patch":{"__proto__":{"owner":"p"}},"operationId":"odd"}`,
  'an update by a list': `{"entity":"account","kind":"update","key":7,"patch":[["owner","p"]],"operationId":"odd"}`,
  'a token that is none': `{"entity":"account","kind":"delete","key":7,"operationId":"odd","ifUnchangedSince":"${secret}"}`,
  'a token of an empty text': `{"entity":"account","kind":"delete","key":7,"operationId":"odd","ifUnchangedSince":""}`,
  'a token of 1.5 MB': `{"entity":"account","kind":"delete","key":7,"operationId":"odd","ifUnchangedSince":"${long}"}`,
};

const save = (value: string, id = '"odd"') =>
  `{"entity":"account","kind":"create","value":${value},"operationId":${id}}`;

const texts: Readonly<Record<string, string>> = {
  ...mapped(
    values,
    (what) => what,
    (value) => save(value.startsWith('"') ? `{${value}}` : value),
  ),
  ...mapped(
    ids,
    (what) => `an operation id ${what}`,
    (id) => save(`{${sound}}`, id),
  ),
  ...wholes,
};

/** Each is to be refused, typed and once: for what it holds, under the workflow's own id. */
export const oddSaves: readonly OddSave[] = Object.entries(texts).map(([what, text]) => ({
  what,
  input: (operationId) => rawJson(text.replaceAll('"operationId":"odd"', `"operationId":"${operationId}"`)),
}));

function mapped(
  from: Readonly<Record<string, string>>,
  name: (what: string) => string,
  text: (value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(from).map(([what, value]) => [name(what), text(value)]));
}
