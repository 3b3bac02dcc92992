import { keyFromText, keyText } from '../../model/canonical.ts';
import type { KeySpan } from '../columns/key-span.ts';
import type { KeyList } from '../engine/bulk-engine.ts';
import type { PlacedKey } from '../engine/session.ts';
import { type BoundPage, placed } from './bound-page.ts';

/** Some keys of a page, of which nothing is written out before it is asked for: a page has tens of thousands. */
export class PageKeys implements KeyList {
  readonly #page: BoundPage;
  readonly #positions: readonly number[];

  constructor(page: BoundPage, positions: readonly number[]) {
    this.#page = page;
    this.#positions = positions;
  }

  get length(): number {
    return this.#positions.length;
  }

  all(): readonly PlacedKey[] {
    return this.#positions.map((position) => placed(this.#page, position));
  }

  span(): KeySpan | null {
    if (!this.#page.ascends || this.#positions.length === 0) return null;
    let least = this.#page.keys;
    let most = 0;
    for (const position of this.#positions) {
      if (position < least) least = position;
      if (position > most) most = position;
    }
    return { first: this.#numberAt(least), last: this.#numberAt(most) };
  }

  among(texts: readonly string[]): number[] {
    if (texts.length === 0) return [];
    const found = new Set(texts.map((text) => this.#positionOf(text)));
    return this.#positions.flatMap((position, index) => (found.has(position) ? [index] : []));
  }

  #numberAt(position: number): bigint {
    return BigInt(this.#page.keyAt(position)[0] ?? '');
  }

  /** Null where the page has no such key. */
  #positionOf(text: string): number | null {
    const wanted = BigInt(keyFromText(text)[0] ?? '');
    let from = 0;
    let to = this.#page.keys;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#numberAt(middle) < wanted) from = middle + 1;
      else to = middle;
    }
    return from < this.#page.keys && keyText(this.#page.keyAt(from)) === text ? from : null;
  }
}
