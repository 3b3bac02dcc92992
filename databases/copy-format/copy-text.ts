import { putDigits } from './digits.ts';

/** Pages follow each other quickly: memory that the next one takes over need not be collected and found again. */
const spare: Buffer[] = [];
const maxSpare = 4;
const maxSpareBytes = 8 * 1024 * 1024;
const firstBytes = 64 * 1024;
const nothing = Buffer.alloc(0);
/** The memory of a page with huge rows serves the next one, unless it is collected before. */
let hugeSpare: WeakRef<Buffer> | null = null;
/** How much room is made ahead, in bytes: a page with a huge row must not have it twice. */
const mostSpared = 4 * 1024 * 1024;

const tab = 9;
const newline = 10;
const backslash = 92;

/**
 * Rows in the text form of PostgreSQL's COPY, which LOAD DATA of MySQL/MariaDB reads as well: a tab between cells, a newline
 * after each row, `\N` for null, backslash before `\`, tab, newline and carriage return. It is what a page of rows travels
 * in, without an object for any of them.
 */
export class CopyText {
  #bytes: Buffer;
  #length = 0;
  #cells = 0;
  readonly #starts: number[] = [];

  constructor() {
    this.#bytes = spare.pop() ?? Buffer.allocUnsafe(firstBytes);
  }

  /** Gives the memory back for other pages; nothing can be read from here afterwards. */
  release(): void {
    if (this.#bytes.length > maxSpareBytes) hugeSpare = new WeakRef(this.#bytes);
    else if (spare.length < maxSpare) spare.push(this.#bytes);
    this.#bytes = nothing;
    this.#length = 0;
    this.#rowStart = 0;
    this.#starts.length = 0;
  }

  /** Rows that are whole. */
  get rows(): number {
    return this.#starts.length;
  }

  get length(): number {
    return this.#length;
  }

  null(): void {
    this.#separate(2);
    this.#bytes[this.#length++] = backslash;
    this.#bytes[this.#length++] = 78;
  }

  /** Bytes that need no escaping. */
  plain(source: Buffer, from: number, to: number, prefix = ''): void {
    this.#separate(to - from + prefix.length * 2);
    this.#prefix(prefix);
    const bytes = this.#bytes;
    let at = this.#length;
    if (to - from > maxByLetter) at += source.copy(bytes, at, from, to);
    else for (let index = from; index < to; index++) bytes[at++] = source[index] as number;
    this.#length = at;
  }

  /** Bytes as two digits each. */
  digits(source: Buffer, from: number, to: number, prefix = ''): void {
    this.#separate((to - from + prefix.length) * 2);
    this.#prefix(prefix);
    this.#length = putDigits(source, from, to, this.#bytes, this.#length);
  }

  /** UTF-8 as it is, escaped on the way. */
  text(source: Buffer, from: number, to: number, prefix = ''): void {
    const room = to - from > mostAtWorst ? to - from + escapesIn(source, from, to) : (to - from) * 2;
    this.#separate(room + prefix.length * 2);
    this.#prefix(prefix);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let index = from; index < to; index++) {
      const byte = source[index] as number;
      const letter = escapes[byte] as number;
      if (letter !== 0) {
        bytes[at++] = backslash;
        bytes[at++] = letter;
      } else {
        bytes[at++] = byte;
      }
    }
    this.#length = at;
  }

  /** A cell that is in this form already. `\f` and `\v`, which only PostgreSQL knows, become what they stand for. */
  escaped(source: Buffer, from: number, to: number): void {
    this.#separate(to - from);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let index = from; index < to; index++) {
      const byte = source[index] as number;
      if (byte !== backslash) {
        bytes[at++] = byte;
        continue;
      }
      const next = source[++index] as number;
      if (next === 102) bytes[at++] = 12;
      else if (next === 118) bytes[at++] = 11;
      else {
        bytes[at++] = backslash;
        bytes[at++] = next;
      }
    }
    this.#length = at;
  }

  string(value: string | null, prefix = ''): void {
    if (value === null) {
      this.null();
      return;
    }
    if (prefix === '') {
      if (value.length <= maxByLetter && this.#letters(value)) return;
      if (!special.test(value)) {
        this.#separate(value.length > mostAtWorst ? Buffer.byteLength(value) : value.length * 3);
        this.#length += this.#bytes.write(value, this.#length);
        return;
      }
    }
    const encoded = Buffer.from(value, 'utf8');
    this.text(encoded, 0, encoded.length, prefix);
  }

  /** Short ASCII letter by letter, which is cheaper than a call into the runtime; false where it is anything else. */
  #letters(value: string): boolean {
    this.#reserve(value.length + 1);
    const bytes = this.#bytes;
    let at = this.#cells > 0 ? this.#length + 1 : this.#length;
    for (let index = 0; index < value.length; index++) {
      const letter = value.charCodeAt(index);
      if (letter > 127 || escapes[letter] !== 0) return false;
      bytes[at++] = letter;
    }
    if (this.#cells++ > 0) bytes[this.#length] = tab;
    this.#length = at;
    return true;
  }

  endRow(): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = newline;
    this.#starts.push(this.#rowStart);
    this.#rowStart = this.#length;
    this.#cells = 0;
  }

  /** Forgets the row that was begun. */
  dropRow(): void {
    this.#length = this.#rowStart;
    this.#cells = 0;
  }

  /** The bytes of rows `from` up to, not including, `to`. */
  slice(from: number, to: number): Buffer {
    return this.#bytes.subarray(this.#startOf(from), this.#startOf(to));
  }

  /** Some cells of a row, as texts: of the others nothing is made. */
  cells(row: number, places: readonly number[]): (string | null)[] {
    const bytes = this.#bytes;
    const last = this.#startOf(row + 1) - 1;
    const found: (string | null)[] = [];
    let from = this.#startOf(row);
    let place = 0;
    for (const wanted of places) {
      // Mostly they ascend.
      if (wanted < place) {
        from = this.#startOf(row);
        place = 0;
      }
      for (; place < wanted; place++) from = cellEnd(bytes, from, last) + 1;
      found.push(from > last ? null : cellText(bytes, from, cellEnd(bytes, from, last)));
    }
    return found;
  }

  #rowStart = 0;

  #startOf(row: number): number {
    return this.#starts[row] ?? this.#rowStart;
  }

  #prefix(prefix: string): void {
    const bytes = this.#bytes;
    let at = this.#length;
    for (let index = 0; index < prefix.length; index++) {
      const byte = prefix.charCodeAt(index);
      if (byte === backslash) bytes[at++] = backslash;
      bytes[at++] = byte;
    }
    this.#length = at;
  }

  #separate(bytes: number): void {
    this.#reserve(bytes + 2);
    if (this.#cells++ > 0) this.#bytes[this.#length++] = tab;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const more = Math.min(this.#bytes.length, mostSpared);
    const larger = roomFor(Math.max(this.#bytes.length + more, this.#length + bytes));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

function roomFor(bytes: number): Buffer {
  const kept = bytes > maxSpareBytes ? hugeSpare?.deref() : undefined;
  if (!kept || kept.length < bytes) return Buffer.allocUnsafe(bytes);
  hugeSpare = null;
  return kept;
}

const maxByLetter = 64;
/** For what is longer, no room is made for the worst case. */
const mostAtWorst = 64 * 1024;

/** What must be escaped. */
const special = /[\\\t\n\r]/;

/** Letter by byte, for the bytes that must not stand for themselves; 0 for the others. For all bytes: to ask first which may be one takes longer. */
const escapes = new Uint8Array(256);
escapes[backslash] = backslash;
escapes[tab] = 't'.charCodeAt(0);
escapes[newline] = 'n'.charCodeAt(0);
escapes[13] = 'r'.charCodeAt(0);

function escapesIn(bytes: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    if (escapes[byte] !== 0) count += 1;
  }
  return count;
}

/** The cells of a row that ends before `to`, where its newline stands. */
export function cellsOf(bytes: Buffer, from: number, to: number): (string | null)[] {
  const cells: (string | null)[] = [];
  for (let at = from; at <= to; ) {
    const end = cellEnd(bytes, at, to);
    cells.push(cellText(bytes, at, end));
    at = end + 1;
  }
  return cells;
}

export function cellEnd(bytes: Buffer, from: number, to: number): number {
  const near = Math.min(to, from + maxByLetter);
  let at = from;
  while (at < near && bytes[at] !== tab) at++;
  if (at < near || near === to) return at;
  const found = bytes.subarray(near, to).indexOf(tab);
  return found < 0 ? to : near + found;
}

export function isNull(bytes: Buffer, from: number, to: number): boolean {
  return to - from === 2 && bytes[from] === backslash && bytes[from + 1] === 78;
}

/** A cell without its escapes; null for `\N`. */
export function cellText(bytes: Buffer, from: number, to: number): string | null {
  if (isNull(bytes, from, to)) return null;
  if (!bytes.subarray(from, to).includes(backslash)) return bytes.toString('utf8', from, to);
  return withoutEscapes(bytes, from, to).toString('utf8');
}

/** Byte by byte: a text of many megabytes may have an escape at every other character. */
function withoutEscapes(bytes: Buffer, from: number, to: number): Buffer {
  const plain = Buffer.allocUnsafe(to - from);
  let length = 0;
  for (let at = from; at < to; at++) {
    let byte = bytes[at] as number;
    if (byte === backslash && at + 1 < to) {
      at += 1;
      const letter = bytes[at] as number;
      byte = meanings[letter] || letter;
    }
    plain[length] = byte;
    length += 1;
  }
  return plain.subarray(0, length);
}

/** What a letter behind a backslash stands for; 0 where that is itself. */
const meanings = new Uint8Array(256);
for (const [letter, meaning] of Object.entries({ b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }))
  meanings[letter.charCodeAt(0)] = meaning.charCodeAt(0);
