import { isSafeNumber, LosslessNumber } from 'lossless-json';
import { Characters, type Stretch } from './characters.ts';
import { NotCanonical } from './not-canonical.ts';

/**
 * JSON text with sorted names and plainly written numbers of any length. Throws a `SyntaxError` for what is no JSON, or names a member
 * twice with two values.
 *
 * @param seeNumber is told each number, as it is written plainly
 */
export function canonicalJson(text: string, seeNumber?: (number: string) => void): string {
  return new CanonicalJson(text, seeNumber).whole();
}

/** What a canonical text says, with its numbers as `numberOf` makes them of what is written. */
export function parseJson(json: string, numberOf: (text: string) => unknown): unknown {
  return JSON.parse(json, (_, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' ? numberOf(context?.source ?? '') : value,
  );
}

/** What a program sees of a canonical text: a number that JavaScript would round stays as it is written. */
export function seenJson(json: string): unknown {
  // Fifteen digits are never rounded. Most texts have no longer number, and need no look at each.
  if (!/[\d.]{16}/.test(json)) return JSON.parse(json);
  return parseJson(json, (text) => (isSafeNumber(text) ? Number(text) : new LosslessNumber(text)));
}

/** How deeply lists and objects of JSON may lie in each other: less than what any process has room for. */
const maxJsonDepth = 1_000;
export const tooDeep = `holds JSON of more than ${maxJsonDepth} levels; nest it less deeply, or declare the field as text`;
export const halfCharacter = 'holds half of a surrogate pair, which no store can keep';

/** Where a member stands in what is written. */
interface Member extends Stretch {
  readonly name: string;
}

const openingBrace = 0x7b;
const closingBrace = 0x7d;
const openingBracket = 0x5b;
const closingBracket = 0x5d;
const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const wordHere = /true|false|null/y;
/** Most numbers are written plainly. */
const plainHere = /(?:-?(?:0|[1-9]\d*)\.\d*[1-9]|-?[1-9]\d*|0)(?![\d.eE])/y;
const numberHere = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/**
 * Goes through a text once and writes its canonical form character by character: nothing of it becomes an object or a string of its own but
 * names, and what has an escape.
 */
class CanonicalJson {
  readonly #text: string;
  readonly #seeNumber: ((number: string) => void) | undefined;
  readonly #written: Characters;
  #at = 0;
  /** Where the stretch begins that is canonical as it is, and not written yet. */
  #from = 0;

  constructor(text: string, seeNumber: ((number: string) => void) | undefined) {
    this.#text = text;
    this.#written = new Characters(text.length);
    this.#seeNumber = seeNumber;
  }

  whole(): string {
    this.#value(0);
    this.#next();
    if (this.#at < this.#text.length) throw this.#unexpected();
    this.#flush();
    return this.#written.toString();
  }

  #value(depth: number): void {
    if (depth > maxJsonDepth) throw new NotCanonical(tooDeep);
    const code = this.#next();
    if (code === openingBrace) this.#object(depth);
    else if (code === openingBracket) this.#list(depth);
    else if (code === quote) this.#string();
    else if (!this.#matches(wordHere)) this.#number();
  }

  #list(depth: number): void {
    this.#at += 1;
    if (this.#next() !== closingBracket) {
      this.#value(depth + 1);
      while (this.#next() === comma) {
        this.#at += 1;
        this.#value(depth + 1);
      }
    }
    this.#pass(closingBracket);
  }

  #object(depth: number): void {
    const members: Member[] = [];
    this.#at += 1;
    if (this.#next() !== closingBrace) {
      members.push(this.#member(depth));
      while (this.#next() === comma) {
        this.#at += 1;
        members.push(this.#member(depth));
      }
    }
    if (!areSorted(members)) this.#sort(members);
    this.#pass(closingBrace);
  }

  /** Flushed before and behind it: it may have to change places. */
  #member(depth: number): Member {
    if (this.#next() !== quote) throw this.#unexpected();
    this.#flush();
    const from = this.#written.length;
    const name = this.#string();
    this.#next();
    this.#pass(colon);
    this.#value(depth + 1);
    this.#flush();
    return { name, from, to: this.#written.length };
  }

  /** A name may be there twice where its values are the same. */
  #sort(members: readonly Member[]): void {
    const sorted = members.toSorted(byName);
    const own = sorted.filter((member, index) => {
      const before = sorted[index - 1];
      if (before?.name !== member.name) return true;
      if (!this.#written.hasSame(before, member)) throw new SyntaxError('an object names a member twice');
      return false;
    });
    this.#written.arrange(members[0]?.from ?? 0, own);
  }

  /** What it says. */
  #string(): string {
    const from = this.#at;
    this.#at = this.#endOfPlain(from + 1);
    if (this.#text.charCodeAt(this.#at) === quote) {
      this.#at += 1;
      return this.#text.slice(from + 1, this.#at - 1);
    }
    this.#at = this.#endOfString(this.#at);
    const given = this.#text.slice(from, this.#at);
    const value: string = JSON.parse(given);
    if (!value.isWellFormed()) throw new NotCanonical(halfCharacter);
    if (given.includes('\\')) this.#replace(from, this.#at, JSON.stringify(value));
    return value;
  }

  /** Where the first character stands that is a quote, or that has to be looked at: escaped, a control, or half of a pair. */
  #endOfPlain(from: number): number {
    const text = this.#text;
    let at = from;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === quote || code === backslash || !(code >= 0x20) || (code >= 0xd800 && code <= 0xdfff))
        return at;
      at += 1;
    }
  }

  #endOfString(from: number): number {
    for (let end = from - 1; ; ) {
      end = this.#text.indexOf('"', end + 1);
      if (end === -1) throw new SyntaxError('a string of the JSON text has no end');
      if (!this.#isEscaped(end)) return end + 1;
    }
  }

  /** Two backslashes are one that is escaped itself. */
  #isEscaped(at: number): boolean {
    let first = at;
    while (this.#text.charCodeAt(first - 1) === backslash) first -= 1;
    return (at - first) % 2 === 1;
  }

  #number(): void {
    const from = this.#at;
    if (this.#matches(plainHere)) {
      this.#seeNumber?.(this.#text.slice(from, this.#at));
      return;
    }
    if (!this.#matches(numberHere)) throw this.#unexpected();
    const plain = plainNumber(this.#text.slice(from, this.#at));
    this.#replace(from, this.#at, plain);
    this.#seeNumber?.(plain);
  }

  #matches(here: RegExp): boolean {
    here.lastIndex = this.#at;
    if (!here.test(this.#text)) return false;
    this.#at = here.lastIndex;
    return true;
  }

  /** The next character that is no blank; not a number at the end. */
  #next(): number {
    const text = this.#text;
    let at = this.#at;
    let code = text.charCodeAt(at);
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) {
      at += 1;
      code = text.charCodeAt(at);
    }
    if (at > this.#at) this.#replace(this.#at, at, '');
    return code;
  }

  #pass(code: number): void {
    if (this.#text.charCodeAt(this.#at) !== code) throw this.#unexpected();
    this.#at += 1;
  }

  #replace(from: number, to: number, by: string): void {
    this.#written.add(this.#text, this.#from, from);
    this.#written.add(by);
    this.#from = to;
    this.#at = to;
  }

  #flush(): void {
    this.#replace(this.#at, this.#at, '');
  }

  #unexpected(): SyntaxError {
    return new SyntaxError(
      this.#at < this.#text.length ? `not JSON at character ${this.#at + 1}` : 'the JSON text ends too early',
    );
  }
}

function byName(left: Member, right: Member): number {
  if (left.name === right.name) return 0;
  return left.name < right.name ? -1 : 1;
}

function areSorted(members: readonly Member[]): boolean {
  for (let at = 1; at < members.length; at++)
    if (!((members[at - 1] as Member).name < (members[at] as Member).name)) return false;
  return true;
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
