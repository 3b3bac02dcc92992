import { createHash } from 'node:crypto';

/** Counts texts that are there more than once, in eight bytes for each. */
export class Twins {
  #hashes = new BigUint64Array(1_024);
  #length = 0;

  add(text: string): void {
    if (this.#length === this.#hashes.length) {
      const larger = new BigUint64Array(this.#length * 2);
      larger.set(this.#hashes);
      this.#hashes = larger;
    }
    this.#hashes[this.#length] = createHash('sha256').update(text).digest().readBigUInt64LE();
    this.#length += 1;
  }

  count(): number {
    const sorted = this.#hashes.subarray(0, this.#length).sort();
    return sorted.filter((hash, at) => hash === sorted[at - 1] || hash === sorted[at + 1]).length;
  }
}
