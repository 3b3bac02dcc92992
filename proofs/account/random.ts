import { Random } from '../../examples/orders/random.ts';
import type { Account } from './account.ts';
import type { Change } from './promises.ts';

export interface RandomWrite {
  readonly key: string;
  readonly change: Change;
  /** Ask for it only while the record is as its caller last knew it. */
  readonly careful: boolean;
}

const owners = ['Ada', 'Björk', "O'Neill", 'Zoë', '王芳', 'Łukasz', '😀'];
const notes = ['', 'null', 'two\nlines', 'a "quoted" \\ note', ' padded ', 'non-breaking'];

/**
 * The writes of a run, in an order that the seed alone decides: what the stores answer changes nothing here. Writes of one
 * key may well be under way together.
 */
export class RandomWrites {
  readonly #random: Random;
  readonly #mostKeys: number;
  readonly #keys: string[] = [];
  readonly #live = new Set<string>();
  #mark = 0;

  /** @param mostKeys so that writes meet at few of them */
  constructor(seed: number, mostKeys = Number.POSITIVE_INFINITY) {
    this.#random = new Random(seed);
    this.#mostKeys = mostKeys;
  }

  next(): RandomWrite {
    const dice = this.#random.next();
    const mayGrow = this.#keys.length < this.#mostKeys;
    if (mayGrow && (dice < 0.3 || this.#keys.length < 10)) return this.#create(this.#newKey());
    const key = this.#random.pick(this.#random.chance(0.5) ? this.#keys.slice(-40) : this.#keys);
    // Now and then one that has to be refused: creating what is there, changing what is not.
    const perverse = this.#random.chance(0.05);
    if (this.#live.has(key) === perverse) return this.#create(key);
    const careful = this.#random.chance(0.1);
    if (dice < 0.65) return { key, careful, change: { kind: 'update', patch: this.#patch() } };
    if (dice < 0.85) {
      this.#live.add(key);
      return { key, careful, change: { kind: 'replace', account: this.account(key) } };
    }
    this.#live.delete(key);
    return { key, careful, change: { kind: 'delete' } };
  }

  account(id: string): Account {
    return { id, ...this.#values(), ...this.#marked() };
  }

  #create(key: string): RandomWrite {
    this.#live.add(key);
    return { key, careful: false, change: { kind: 'create', account: this.account(key) } };
  }

  #patch(): Partial<Omit<Account, 'id'>> {
    const values = Object.entries(this.#values()).filter(() => this.#random.chance(0.4));
    return { ...Object.fromEntries(values), ...this.#marked() };
  }

  #values(): Omit<Account, 'id' | 'mark'> {
    const digits = (count: number, value: number) => String(value).padStart(count, '0');
    const date = `${this.#random.between(1970, 2037)}-${digits(2, this.#random.between(1, 12))}-${digits(2, this.#random.between(1, 28))}`;
    const time = [23, 59, 59].map((most) => digits(2, this.#random.between(0, most))).join(':');
    return {
      owner: `${this.#random.pick(owners)} ${this.#random.between(1, 1_000)}`,
      balance: `${this.#random.between(-99_999, 9_999_999)}.${digits(2, this.#random.between(0, 99))}`,
      note: this.#random.chance(0.3) ? null : this.#random.pick(notes),
      openedOn: date,
      seenAt: `${date}T${time}.${digits(6, this.#random.between(0, 999_999))}Z`,
    };
  }

  #marked(): { mark: number } {
    this.#mark += 1;
    return { mark: this.#mark };
  }

  newKey(): string {
    return this.#newKey();
  }

  #newKey(): string {
    const hex = Array.from({ length: 32 }, () => this.#random.between(0, 15).toString(16)).join('');
    // A UUID of version 4, as its schema wants it.
    const key = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
    this.#keys.push(key);
    return key;
  }
}
