import { isSafeNumber, LosslessNumber } from 'lossless-json';
import { isNumber, JsonTokens } from './json-tokens.ts';
import { NotCanonical } from './not-canonical.ts';

/** JSON text with sorted names and plainly written numbers of any length. */
export function canonicalJson(text: string): string {
  return new CanonicalJson(text).whole();
}

/** The numbers in a JSON text, as they are written there. */
export function* numbersIn(json: string): Generator<string> {
  const tokens = new JsonTokens(json);
  for (let token = tokens.next(); token !== ''; token = tokens.next()) if (isNumber(token)) yield token;
}

/** What a JSON text says, with its numbers as `numberOf` makes them of what is written. */
export function parseJson(json: string, numberOf: (text: string) => unknown): unknown {
  return JSON.parse(json, (_, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' ? numberOf(context?.source ?? '') : value,
  );
}

/** A number that JavaScript would round stays as it is written. */
export function numberOf(text: string): number | LosslessNumber {
  return isSafeNumber(text) ? Number(text) : new LosslessNumber(text);
}

/** How deeply lists and objects of JSON may lie in each other: less than what any process has room for. */
const maxJsonDepth = 1_000;
export const tooDeep = `holds JSON of more than ${maxJsonDepth} levels; nest it less deeply, or declare the field as text`;
export const halfCharacter = 'holds half of a surrogate pair, which no store can keep';

/** Where a member stands among the parts of the text. */
interface Member {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/**
 * Turns a text into its canonical form part by part: no value of it becomes an object, and each part is put together with the others
 * once, however deep it lies. So neither time nor memory depends on more than the text's length.
 */
class CanonicalJson {
  readonly #tokens: JsonTokens;
  readonly #parts: string[] = [];

  constructor(text: string) {
    this.#tokens = new JsonTokens(text);
  }

  whole(): string {
    this.#value(this.#tokens.next(), 0);
    const rest = this.#tokens.next();
    if (rest !== '') throw this.#tokens.unexpected(rest);
    return this.#parts.join('');
  }

  #value(token: string, depth: number): void {
    if (depth > maxJsonDepth) throw new NotCanonical(tooDeep);
    if (token === '[') this.#list(depth);
    else if (token === '{') this.#object(depth);
    else this.#parts.push(this.#scalar(token));
  }

  #scalar(token: string): string {
    if (token.startsWith('"')) return canonicalString(token);
    if (isNumber(token)) return plainNumber(token);
    if (token === 'true' || token === 'false' || token === 'null') return token;
    throw this.#tokens.unexpected(token);
  }

  #list(depth: number): void {
    this.#parts.push('[');
    this.#eachUntil(']', (token) => this.#value(token, depth + 1));
    this.#parts.push(']');
  }

  #object(depth: number): void {
    const members: Member[] = [];
    this.#parts.push('{');
    this.#eachUntil('}', (token) => members.push(this.#member(token, depth)));
    if (!areSorted(members)) this.#sort(members);
    this.#parts.push('}');
  }

  #member(token: string, depth: number): Member {
    if (!token.startsWith('"')) throw this.#tokens.unexpected(token);
    const from = this.#parts.length;
    const name = canonicalString(token);
    const colon = this.#tokens.next();
    if (colon !== ':') throw this.#tokens.unexpected(colon);
    this.#parts.push(name, ':');
    this.#value(this.#tokens.next(), depth + 1);
    return { name: JSON.parse(name), from, to: this.#parts.length };
  }

  #eachUntil(end: ']' | '}', each: (token: string) => void): void {
    let token = this.#tokens.next();
    if (token === end) return;
    for (;;) {
      each(token);
      const next = this.#tokens.next();
      if (next === end) return;
      if (next !== ',') throw this.#tokens.unexpected(next);
      this.#parts.push(next);
      token = this.#tokens.next();
    }
  }

  /** A name may be there twice where its values are the same. */
  #sort(members: readonly Member[]): void {
    const begin = members[0]?.from ?? 0;
    const given = this.#parts.slice(begin);
    const partsOf = ({ from, to }: Member) => given.slice(from - begin, to - begin);
    this.#parts.length = begin;
    let last: Member | null = null;
    for (const member of members.toSorted((left, right) => (left.name < right.name ? -1 : 1))) {
      if (last?.name === member.name) {
        if (partsOf(last).join('') !== partsOf(member).join(''))
          throw new SyntaxError('an object names a member twice');
        continue;
      }
      if (last) this.#parts.push(',');
      for (const part of partsOf(member)) this.#parts.push(part);
      last = member;
    }
  }
}

function areSorted(members: readonly Member[]): boolean {
  return members.every(({ name }, index) => index === 0 || (members[index - 1]?.name ?? '') < name);
}

/** What has no escape in it is as `JSON.stringify` would write it. */
function canonicalString(token: string): string {
  const value: string = JSON.parse(token);
  if (!value.isWellFormed()) throw new NotCanonical(halfCharacter);
  return token.includes('\\') ? JSON.stringify(value) : token;
}

/** `1.50`, `15e-1` and `1.5` are one number: digits without exponent, without trailing zeros, without negative zero. */
export function plainNumber(text: string): string {
  if (/^-?\d+$/.test(text)) return text === '-0' ? '0' : text;
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!match) throw new NotCanonical('a JSON number has an unknown form');
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = match;
  const exponent = Number(exponentText);
  if (Math.abs(exponent) > 1_000) throw new NotCanonical('a JSON number has an exponent beyond 1000');
  const digits = `${whole}${fraction}`;
  const point = whole.length + exponent;
  const padded = point <= 0 ? `${'0'.repeat(1 - point)}${digits}` : digits.padEnd(point, '0');
  const at = point <= 0 ? 1 : point;
  const integral = padded.slice(0, at).replace(/^0+(?=\d)/, '');
  const rest = padded.slice(at).replace(/0+$/, '');
  const plain = rest === '' ? integral : `${integral}.${rest}`;
  return plain === '0' ? '0' : `${sign}${plain}`;
}
