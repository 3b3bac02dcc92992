import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { Accounts, Reader, Writer } from '../account/call.ts';

/** One call of one service. */
export interface ServiceCall {
  readonly service: string;
  readonly kind: 'read' | 'write';
  readonly askedAt: number;
  readonly answeredAt: number;
  /** Why it failed; null where it was answered. What a record forbids is an answer. */
  readonly failure: string | null;
}

const answers = ['AlreadyExists', 'NotFound', 'VersionConflict'] as const;

/** The accounts of one service, whose calls are noted. */
export class Service implements Writer, Reader {
  readonly name: string;
  readonly calls: ServiceCall[] = [];
  readonly #accounts: Accounts;

  constructor(name: string, accounts: Accounts) {
    this.name = name;
    this.#accounts = accounts;
  }

  readonly get: Reader['get'] = (...given) => this.#noted('read', () => this.#accounts.get(...given));
  readonly create: Writer['create'] = (...given) =>
    this.#noted('write', () => this.#accounts.create(...given));
  readonly replace: Writer['replace'] = (...given) =>
    this.#noted('write', () => this.#accounts.replace(...given));
  readonly update: Writer['update'] = (...given) =>
    this.#noted('write', () => this.#accounts.update(...given));
  readonly delete: Writer['delete'] = (...given) =>
    this.#noted('write', () => this.#accounts.delete(...given));

  async #noted<T>(kind: ServiceCall['kind'], call: () => Promise<T>): Promise<T> {
    const askedAt = Date.now();
    const note = (failure: string | null) =>
      this.calls.push({ service: this.name, kind, askedAt, answeredAt: Date.now(), failure });
    try {
      const answer = await call();
      note(null);
      return answer;
    } catch (error) {
      const isAnswer = answers.some((code) => isLockstepError(error, code));
      const code = isLockstepError(error) ? error.code : 'Unexpected';
      note(isAnswer ? null : `${code}: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  }
}
