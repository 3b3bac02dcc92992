/** A stretch of a text in the making. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** A text in the making, which takes two bytes for each character, however it is put together. */
export class Characters {
  #codes: Uint16Array;
  #copied = none;
  #length = 0;
  /** Has the bits of every code. */
  #bits = 0;

  constructor(expected: number) {
    this.#codes = new Uint16Array(expected);
  }

  get length(): number {
    return this.#length;
  }

  add(text: string, from = 0, to = text.length): void {
    let at = this.#length;
    this.#makeRoom(at + to - from);
    const codes = this.#codes;
    let bits = this.#bits;
    for (let index = from; index < to; index++) {
      const code = text.charCodeAt(index);
      codes[at] = code;
      bits |= code;
      at += 1;
    }
    this.#length = at;
    this.#bits = bits;
  }

  hasSame(left: Stretch, right: Stretch): boolean {
    if (left.to - left.from !== right.to - right.from) return false;
    for (let at = left.from; at < left.to; at++)
      if (this.#codes[at] !== this.#codes[at - left.from + right.from]) return false;
    return true;
  }

  /** From a place on, the text is these stretches of it, with commas between. */
  arrange(begin: number, stretches: readonly Stretch[]): void {
    const given = this.#copyFrom(begin);
    let at = begin;
    for (const { from, to } of stretches) {
      if (at > begin) {
        this.#codes[at] = comma;
        at += 1;
      }
      for (let index = from - begin; index < to - begin; index++) {
        this.#codes[at] = given[index] as number;
        at += 1;
      }
    }
    this.#length = at;
  }

  toString(): string {
    const codes = this.#codes.subarray(0, this.#length);
    if (this.#bits <= 0xff) return Buffer.from(codes).toString('latin1');
    return Buffer.from(codes.buffer, 0, this.#length * 2).toString('utf16le');
  }

  /** The same array each time: there are many small objects in a text. */
  #copyFrom(begin: number): Uint16Array {
    const length = this.#length - begin;
    if (this.#copied.length < length) this.#copied = new Uint16Array(length * 2);
    for (let at = 0; at < length; at++) this.#copied[at] = this.#codes[begin + at] as number;
    return this.#copied;
  }

  #makeRoom(length: number): void {
    if (length <= this.#codes.length) return;
    const larger = new Uint16Array(length * 2);
    larger.set(this.#codes);
    this.#codes = larger;
  }
}

const none = new Uint16Array(0);
const comma = 0x2c;
