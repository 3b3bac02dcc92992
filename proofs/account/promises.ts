import { appendFileSync, writeFileSync } from 'node:fs';
import type { AnyFailureCode } from '../../model/failure-codes.ts';
import type { Account } from './account.ts';

export type Change =
  | { readonly kind: 'create' | 'replace'; readonly account: Account }
  | { readonly kind: 'update'; readonly patch: Partial<Omit<Account, 'id'>> }
  /** A caller's own SQL may set a mark before it deletes the row. */
  | { readonly kind: 'delete'; readonly mark?: number };

export type Answer =
  | { readonly outcome: 'acknowledged'; readonly version: string }
  | { readonly outcome: 'refused' | 'unknown' | 'failed'; readonly code: AnyFailureCode | 'Unexpected' };

/** One write, and what its caller was told about it. */
export interface Promised {
  readonly operationId: string;
  readonly key: string;
  readonly change: Change;
  /** The version that the record had to have; null where the caller did not mind. */
  readonly expected: string | null;
  readonly askedAt: number;
  /** Answers in the order of calls, all of them for the same operation id. */
  readonly answers: readonly { readonly at: number; readonly answer: Answer; readonly message: string }[];
}

/** Every promise, in memory and in a file that is only ever appended to: before each call, and after it. */
export class PromiseLog {
  readonly #file: string;
  readonly #promises = new Map<string, Promised & { answers: Promised['answers'][number][] }>();

  constructor(file: string) {
    this.#file = file;
    writeFileSync(file, '');
  }

  ask(asked: Pick<Promised, 'operationId' | 'key' | 'change' | 'expected'>): void {
    const promised = { ...asked, askedAt: Date.now(), answers: [] };
    this.#promises.set(asked.operationId, promised);
    this.#append(promised);
  }

  /** The same write is sent once more. */
  askAgain(operationId: string): void {
    this.#append({ operationId, askedAgainAt: Date.now() });
  }

  answer(operationId: string, answer: Answer, message = ''): void {
    const promised = this.#promises.get(operationId);
    if (!promised) throw new RangeError(`nobody asked for operation ${operationId}`);
    const entry = { at: Date.now(), answer, message };
    promised.answers.push(entry);
    this.#append({ operationId, ...entry });
  }

  /** In the order of asking. */
  all(): readonly Promised[] {
    return [...this.#promises.values()];
  }

  find(operationId: string): Promised | undefined {
    return this.#promises.get(operationId);
  }

  #append(entry: object): void {
    appendFileSync(this.#file, `${JSON.stringify(entry)}\n`);
  }
}

/** What the caller knew at last; a write without an answer has an unknown outcome. */
export function lastAnswer({ answers }: Promised): Answer {
  return answers.at(-1)?.answer ?? { outcome: 'unknown', code: 'OutcomeUnknown' };
}

/** From the first call to the last answer. */
export function latencyMs({ askedAt, answers }: Promised): number {
  return (answers.at(-1)?.at ?? askedAt) - askedAt;
}
