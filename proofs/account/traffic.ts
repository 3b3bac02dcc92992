import type { Receipt } from '../../client/service/receipt.ts';
import type { RepositoryOf } from '../../client/service/repository.ts';
import type { Token } from '../../client/service/token.ts';
import type { WriteOptions } from '../../client/service/write-options.ts';
import { LockstepError } from '../../model/failure.ts';
import type { AnyFailureCode } from '../../model/failure-codes.ts';
import type { accountWritten } from './account.ts';
import type { Answer, PromiseLog } from './promises.ts';
import { type RandomWrite, RandomWrites } from './random.ts';

export interface TrafficOptions {
  accounts: RepositoryOf<ReturnType<typeof accountWritten>>;
  log: PromiseLog;
  seed: number;
  /** For `start`. */
  perSecond?: number;
  /** How long a write of unknown outcome is sent again, under its first id. */
  askAgainForMs: number;
}

/** What a caller must expect of a store that is well; every other failure is one. */
const refusals: readonly AnyFailureCode[] = ['AlreadyExists', 'NotFound', 'VersionConflict'];
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
    const { log, askAgainForMs } = this.#options;
    const token = drawn.careful ? (this.#tokens.get(drawn.key) ?? null) : null;
    const giveUpAt = Date.now() + askAgainForMs;
    log.ask({ operationId, key: drawn.key, change: drawn.change, expected: token && versionOf(token) });
    for (;;) {
      const { answer, message, receipt } = await this.#call(drawn, operationId, token);
      log.answer(operationId, answer, message);
      if (receipt) this.#tokens.set(drawn.key, receipt.token);
      if (answer.outcome !== 'unknown' || Date.now() >= giveUpAt) return;
      await new Promise((resolve) => setTimeout(resolve, pauseBetweenCallsMs));
      log.askAgain(operationId);
    }
  }

  async #call(
    drawn: RandomWrite,
    operationId: string,
    token: Token | null,
  ): Promise<{ answer: Answer; message: string; receipt: Receipt<'primary' | 'both'> | null }> {
    try {
      const receipt = await this.#send(drawn, { operationId, ...(token ? { ifUnchangedSince: token } : {}) });
      return { answer: { outcome: 'acknowledged', version: receipt.version }, message: '', receipt };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const code = error instanceof LockstepError ? error.code : 'Unexpected';
      return { answer: { outcome: outcomeOf(code), code }, message, receipt: null };
    }
  }

  #send(
    { key, change }: RandomWrite,
    options: Omit<WriteOptions, 'ack'>,
  ): Promise<Receipt<'primary' | 'both'>> {
    const { accounts } = this.#options;
    switch (change.kind) {
      case 'create':
        return accounts.create(change.account, options);
      case 'replace':
        return accounts.replace(change.account, options);
      case 'update':
        return accounts.update(key, change.patch, options);
      case 'delete':
        return accounts.delete(key, options);
    }
  }
}

function outcomeOf(code: AnyFailureCode | 'Unexpected'): 'refused' | 'unknown' | 'failed' {
  if (code === 'OutcomeUnknown') return 'unknown';
  return refusals.some((refusal) => refusal === code) ? 'refused' : 'failed';
}

/** A token is the version with a mark of its form before it. */
function versionOf(token: string): string {
  return token.slice(token.indexOf('.') + 1);
}
