import { type Token, versionOf } from '../../model/token.ts';
import { call, type Writer } from './call.ts';
import type { Answer, Promised, PromiseLog } from './promises.ts';
import { type RandomWrite, RandomWrites } from './random.ts';

export interface TrafficOptions {
  accounts: Writer;
  log: PromiseLog;
  seed: number;
  /** For `start`. */
  perSecond?: number;
  /** How long a write of unknown outcome is sent again, under its first id. */
  askAgainForMs: number;
}

const maxInFlight = 2_000;
const pauseBetweenCallsMs = 250;

/** Writes at a steady rate, however long each takes: a slow call does not slow the others. */
export class Traffic {
  readonly #options: TrafficOptions;
  readonly #writes: RandomWrites;
  readonly #tokens = new Map<string, Token>();
  readonly #underWay = new Set<Promise<void>>();
  #startedAt = 0;
  #asked = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Writes that were left out because too many were under way. */
  leftOut = 0;
  mostUnderWay = 0;

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#writes = new RandomWrites(options.seed);
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#timer = setInterval(() => this.#catchUp(), 10);
  }

  /** So many writes by so many callers, each of whom waits for its answer before it asks again. */
  async executeTransaction(writes: number, callers: number): Promise<void> {
    const call = async () => {
      while (this.#asked < writes) {
        this.#asked += 1;
        await this.#executeTransaction(this.#writes.next(), `write-${this.#asked}`);
      }
    };
    await Promise.all(Array.from({ length: callers }, call));
  }

  /** Sends a write once more under its id, as a caller does who has lost its answer; gives what it is told this time. */
  async sendAgain({ operationId, key, change }: Promised): Promise<Answer> {
    const drawn = { key, change, careful: false };
    const { answer } = await call(this.#options.accounts, drawn, operationId, null);
    return answer;
  }

  /** Asks for nothing more, and resolves when everything that was asked for has its answer. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #catchUp(): void {
    const due = ((performance.now() - this.#startedAt) / 1000) * (this.#options.perSecond ?? 0);
    for (; this.#asked + this.leftOut < due; ) {
      const drawn = this.#writes.next();
      if (this.#underWay.size >= maxInFlight) {
        this.leftOut += 1;
        continue;
      }
      this.#asked += 1;
      const done = this.#executeTransaction(drawn, `write-${this.#asked}`).finally(() =>
        this.#underWay.delete(done),
      );
      this.#underWay.add(done);
      this.mostUnderWay = Math.max(this.mostUnderWay, this.#underWay.size);
    }
  }

  async #executeTransaction(drawn: RandomWrite, operationId: string): Promise<void> {
    const { accounts, log, askAgainForMs } = this.#options;
    const token = drawn.careful ? (this.#tokens.get(drawn.key) ?? null) : null;
    const giveUpAt = Date.now() + askAgainForMs;
    log.ask({ operationId, key: drawn.key, change: drawn.change, expected: token && versionOf(token) });
    for (;;) {
      const { answer, message, receipt } = await call(accounts, drawn, operationId, token);
      log.answer(operationId, answer, message);
      if (receipt) this.#tokens.set(drawn.key, receipt.token);
      if (answer.outcome !== 'unknown' || Date.now() >= giveUpAt) return;
      await new Promise((resolve) => setTimeout(resolve, pauseBetweenCallsMs));
      log.askAgain(operationId);
    }
  }
}
