/** A set of fingerprints, all above zero, in one array: a set of objects would take most of the search's time. */
export class Visited {
  #slots = new Float64Array(2 ** 16);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Whether it is new. */
  add(fingerprint: number): boolean {
    if (this.#size * 2 > this.#slots.length) this.#grow();
    if (!insert(this.#slots, fingerprint)) return false;
    this.#size += 1;
    return true;
  }

  #grow(): void {
    const slots = new Float64Array(this.#slots.length * 4);
    for (const fingerprint of this.#slots) if (fingerprint !== 0) insert(slots, fingerprint);
    this.#slots = slots;
  }
}

function insert(slots: Float64Array, fingerprint: number): boolean {
  const mask = slots.length - 1;
  for (let at = (fingerprint % 2 ** 31) & mask; ; at = (at + 1) & mask) {
    if (slots[at] === fingerprint) return false;
    if (slots[at] !== 0) continue;
    slots[at] = fingerprint;
    return true;
  }
}
