import { Random } from '../../examples/orders/random.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { type Token, versionOf } from '../../model/token.ts';
import { call, type Reader, type Writer } from '../account/call.ts';
import { rowText } from '../account/contents.ts';
import type { Answer, PromiseLog } from '../account/promises.ts';
import { type RandomWrite, RandomWrites } from '../account/random.ts';

/** When a write is sent again under its operation id, though its caller was told its outcome. */
export const repeats = ['at once', 'after one change', 'after two changes'] as const;
export type Repeat = (typeof repeats)[number];

/** One call of a service, and what it was told. */
export interface Call {
  readonly operationId: string;
  readonly repeat: Repeat | 'at the end' | 'after no answer' | null;
  readonly askedAt: number;
  readonly answeredAt: number;
  readonly answer: Answer;
  readonly message: string;
}

/** A read with the token of a write. */
export interface TokenRead {
  readonly key: string;
  readonly atLeast: string;
  readonly askedAt: number;
  readonly answeredAt: number;
  /** The row as text, null where there is none, or why there was no answer. */
  readonly answer: { readonly version: string; readonly row: string } | null | { readonly error: string };
}

export interface WritersOptions {
  /** The repository of the accounts that a key belongs to, of any service. */
  readonly accountsOf: (key: string) => Writer & Reader;
  /** Whether a key is read back after some of its writes. */
  readonly isReadBack: (key: string) => boolean;
  readonly log: PromiseLog;
  readonly seed: number;
  readonly callers: number;
  /** Of all callers together, where none has to wait. */
  readonly perSecond: number;
}

interface Sent {
  readonly drawn: RandomWrite;
  readonly operationId: string;
  readonly token: Token | null;
}

/** One write in so many: not left to chance, which draws too few of a short run. */
const repeatedEvery = 20;
const readBackShare = 0.2;
const askAgainForMs = 180_000;
const pauseMs = 250;

/** Callers who write at a steady pace, each of whom waits for its answer before it asks again. */
export class Writers {
  readonly calls: Call[] = [];
  readonly reads: TokenRead[] = [];
  readonly #options: WritersOptions;
  readonly #writes: RandomWrites;
  readonly #random: Random;
  readonly #tokens = new Map<string, Token>();
  #later: { readonly sent: Sent; readonly repeat: Repeat; changes: number }[] = [];
  #asked = 0;
  #goesOn = true;
  #working: Promise<unknown> = Promise.resolve();

  constructor(options: WritersOptions) {
    this.#options = options;
    this.#writes = new RandomWrites(options.seed);
    this.#random = new Random(options.seed + 1);
  }

  start(): void {
    const { callers } = this.#options;
    this.#working = Promise.all(Array.from({ length: callers }, (_, place) => this.#work(place)));
  }

  /** The primary has changed. */
  changed(): void {
    for (const waiting of this.#later) waiting.changes -= 1;
  }

  /** Resolves when everything that was asked for has its answer, and what was to be sent again is. */
  async stop(): Promise<void> {
    this.#goesOn = false;
    await this.#working;
    for (const { sent } of this.#later.splice(0)) await this.#ask(sent, 'at the end');
  }

  async #work(place: number): Promise<void> {
    const { callers, perSecond } = this.#options;
    const intervalMs = (callers / perSecond) * 1_000;
    let next = performance.now() + (place / callers) * intervalMs;
    while (this.#goesOn) {
      await pause(next - performance.now());
      next = Math.max(next + intervalMs, performance.now());
      await this.#write();
      await this.#repeatLate();
    }
  }

  async #write(): Promise<void> {
    const { log } = this.#options;
    this.#asked += 1;
    const drawn = this.#writes.next();
    const { key, change } = drawn;
    const token = drawn.careful ? (this.#tokens.get(key) ?? null) : null;
    const sent = { drawn, operationId: `write-${this.#asked}`, token };
    const repeat = this.#asked % repeatedEvery === 0 ? this.#random.pick(repeats) : null;
    const reads = this.#random.chance(readBackShare);
    log.ask({ operationId: sent.operationId, key, change, expected: token && versionOf(token) });
    const given = await this.#ask(sent, null);
    if (given) this.#tokens.set(key, given);
    if (given && reads && this.#options.isReadBack(key)) await this.#readBack(key, given);
    if (repeat === 'at once') await this.#ask(sent, repeat);
    else if (repeat) this.#later.push({ sent, repeat, changes: repeat === 'after one change' ? 1 : 2 });
  }

  async #repeatLate(): Promise<void> {
    const due = this.#later.find(({ changes }) => changes <= 0);
    if (!due) return;
    this.#later = this.#later.filter((waiting) => waiting !== due);
    await this.#ask(due.sent, due.repeat);
  }

  /** Asks until the outcome is known, as a careful service does. */
  async #ask(
    { drawn, operationId, token }: Sent,
    first: Repeat | 'at the end' | null,
  ): Promise<Token | null> {
    const { accountsOf, log } = this.#options;
    const giveUpAt = Date.now() + askAgainForMs;
    let repeat: Call['repeat'] = first;
    for (;;) {
      if (repeat !== null) log.askAgain(operationId);
      const askedAt = Date.now();
      const { answer, message, receipt } = await call(accountsOf(drawn.key), drawn, operationId, token);
      log.answer(operationId, answer, message);
      this.calls.push({ operationId, repeat, askedAt, answeredAt: Date.now(), answer, message });
      if (answer.outcome !== 'unknown' || Date.now() > giveUpAt) return receipt?.token ?? null;
      await pause(pauseMs);
      repeat = 'after no answer';
    }
  }

  async #readBack(key: string, token: Token): Promise<void> {
    const askedAt = Date.now();
    const answer = await readBack(this.#options.accountsOf(key), key, token);
    this.reads.push({ key, atLeast: versionOf(token), askedAt, answeredAt: Date.now(), answer });
  }
}

export async function readBack(accounts: Reader, key: string, atLeast: Token): Promise<TokenRead['answer']> {
  try {
    const read = await accounts.get(key, { atLeast, withToken: true });
    return read && { version: versionOf(read.token), row: rowText(read.value) };
  } catch (error) {
    return { error: isLockstepError(error) ? error.code : String(error) };
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
