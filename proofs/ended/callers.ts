import { setTimeout } from 'node:timers/promises';
import type { Lockstep } from '../../client/service/connect.ts';
import type { TransactionScope } from '../../client/service/transaction-writer.ts';
import { Random } from '../../examples/orders/random.ts';
import type { Entity, Pattern } from '../../model/entity.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { type Token, versionOf } from '../../model/token.ts';
import { operationIdAt } from '../../model/transaction.ts';
import type { accountWritten } from '../account/account.ts';
import { type Answered, answeredBy, send } from '../account/call.ts';
import type { StoreUrls } from '../account/environment.ts';
import type { Answer, Change, PromiseLog } from '../account/promises.ts';
import { type RandomWrite, RandomWrites } from '../account/random.ts';
import { readBack, type TokenRead } from '../cutover/writers.ts';
import { connectTo, type OwnConnection, ownSql } from './own-sql.ts';
import type { Place } from './places.ts';

type AccountEntity = ReturnType<typeof accountWritten>;
type Transactional =
  AccountEntity extends Entity<infer E, infer K, Pattern, infer A> ? Entity<E, K, 'transactional', A> : never;

/** A write with what it is asked for under. */
interface Asked {
  readonly drawn: RandomWrite;
  readonly operationId: string;
  readonly token: Token | null;
}

export interface CallersOptions {
  readonly lockstep: Lockstep;
  /** Of the stores themselves, for the service's own SQL. */
  readonly urls: StoreUrls;
  readonly places: readonly Place[];
  readonly log: PromiseLog;
  readonly seed: number;
  readonly callers: number;
  readonly keys: number;
}

const askAgainForMs = 120_000;
const pauseMs = 100;
const impatientShare = 0.15;
const againShare = 0.1;
const readShare = 0.3;
const acks = ['primary', 'both'] as const;

/** Callers of every way to write, who meet at few keys and each wait for an answer before they ask for more. */
export class Callers {
  readonly counts = { alone: 0, lists: 0, transactions: 0, touches: 0, touchesFailed: 0 };
  readonly reads: TokenRead[] = [];
  /** Operations that take effect together or not at all. */
  readonly together: (readonly string[])[] = [];
  readonly #options: CallersOptions;
  readonly #writes: RandomWrites;
  readonly #random: Random;
  readonly #tokens = new Map<string, Token>();
  readonly #drawn: RandomWrite[] = [];
  readonly #places = new Map<string, Place>();
  #asked = 0;

  constructor(options: CallersOptions) {
    this.#options = options;
    this.#writes = new RandomWrites(options.seed, options.keys);
    this.#random = new Random(options.seed + 1);
  }

  /** Resolves when so many writes more have their answers. */
  async work(writes: number): Promise<void> {
    const until = this.#asked + writes;
    await Promise.all(
      Array.from({ length: this.#options.callers }, async () => {
        await using own = new OwnConnections(this.#options.urls);
        while (this.#asked < until) await this.#call(own);
      }),
    );
  }

  async #call(own: OwnConnections): Promise<void> {
    const dice = this.#random.next();
    if (dice < 0.35) {
      this.counts.alone += 1;
      await this.#alone(this.#ask(this.#take(1)[0]));
    } else if (dice < 0.6) {
      this.counts.lists += 1;
      await this.#list(this.#take(this.#random.between(2, 8)));
    } else if (dice < 0.75) {
      this.counts.transactions += 1;
      await this.#transaction(this.#take(this.#random.between(2, 3), isTransactional));
    } else await this.#touch(own, this.#take(this.#random.between(1, 3)));
  }

  /** As many writes, of as many keys. */
  #take(count: number, fits: (entity: AccountEntity) => boolean = () => true): RandomWrite[] {
    const taken: RandomWrite[] = [];
    const isFit = ({ key }: RandomWrite) =>
      fits(this.placeOf(key).entity) && !taken.some((other) => other.key === key);
    while (taken.length < count) {
      const at = this.#drawn.findIndex(isFit);
      const [drawn = this.#writes.next()] = at < 0 ? [] : this.#drawn.splice(at, 1);
      if (isFit(drawn)) taken.push(drawn);
      else this.#drawn.push(drawn);
    }
    return taken;
  }

  /** In turn, so that each has its share of the few keys. */
  placeOf(key: string): Place {
    const { places } = this.#options;
    const place = this.#places.get(key) ?? places[this.#places.size % places.length];
    if (!place) throw new RangeError('there are no accounts');
    this.#places.set(key, place);
    return place;
  }

  #ask(drawn: RandomWrite | undefined): Asked {
    if (!drawn) throw new RangeError('there is nothing to write');
    this.#asked += 1;
    const operationId = `write-${this.#asked}`;
    const token = drawn.careful ? (this.#tokens.get(drawn.key) ?? null) : null;
    this.#options.log.ask({
      operationId,
      key: drawn.key,
      change: drawn.change,
      expected: token && versionOf(token),
    });
    return { drawn, operationId, token };
  }

  #send({ drawn, operationId, token }: Asked) {
    const accounts = this.#options.lockstep.repository(this.placeOf(drawn.key).entity);
    const options = { operationId, ack: this.#random.pick(acks), ...this.#patience() };
    return send(accounts, drawn, { ...options, ...(token ? { ifUnchangedSince: token } : {}) });
  }

  /** Now and then it is read back. A reader of the store that does not decide may see what a parallel write has left there tentatively. */
  async #acknowledged(key: string, token: Token): Promise<void> {
    this.#tokens.set(key, token);
    const { entity } = this.placeOf(key);
    if (entity.pattern === 'parallel' || !this.#random.chance(readShare)) return;
    const askedAt = Date.now();
    const answer = await readBack(this.#options.lockstep.repository(entity), key, token);
    this.reads.push({ key, atLeast: versionOf(token), askedAt, answeredAt: Date.now(), answer });
  }

  /** Some are told that the outcome is not known yet, and ask again. */
  #patience(): { readonly timeoutMs?: number } {
    return this.#random.chance(impatientShare) ? { timeoutMs: this.#random.between(20, 1_000) } : {};
  }

  /** Asks until the outcome is known, as a careful service does; now and then once more, and is to be told the same. */
  async #alone(asked: Asked, isAgain = false): Promise<void> {
    await this.#untilKnown([asked.operationId], async () => {
      try {
        const receipt = await this.#send(asked);
        await this.#acknowledged(asked.drawn.key, receipt.token);
        return [{ answer: { outcome: 'acknowledged', version: receipt.version }, message: '' }];
      } catch (error) {
        return [answeredBy(error)];
      }
    });
    if (!isAgain && this.#random.chance(againShare)) {
      this.#options.log.askAgain(asked.operationId);
      await this.#alone(asked, true);
    }
  }

  async #list(taken: readonly RandomWrite[]): Promise<void> {
    const { lockstep, log } = this.#options;
    const list = taken.map((drawn) => this.#ask(drawn));
    const outcomes = await lockstep.writeMany(list.map((asked) => () => this.#send(asked)));
    await Promise.all(
      list.map(async (asked, at) => {
        const outcome = outcomes[at];
        if (outcome && 'receipt' in outcome) {
          const { receipt } = outcome;
          log.answer(asked.operationId, { outcome: 'acknowledged', version: receipt.version });
          await this.#acknowledged(asked.drawn.key, receipt.token);
          return;
        }
        const { answer, message } = answeredBy(outcome?.error);
        log.answer(asked.operationId, answer, message);
        if (answer.outcome === 'unknown') await this.#alone(asked);
      }),
    );
  }

  async #transaction(taken: readonly RandomWrite[]): Promise<void> {
    const { lockstep, log } = this.#options;
    this.#asked += taken.length;
    const operationId = `write-${this.#asked}`;
    const ids = taken.map((_, at) => operationIdAt(operationId, at));
    for (const [at, { key, change }] of taken.entries())
      log.ask({ operationId: ids[at] ?? '', key, change, expected: null });
    this.together.push(ids);
    const items = (tx: TransactionScope) => taken.map((drawn) => this.#item(tx, drawn));
    await this.#untilKnown(ids, async () => {
      try {
        const { versions } = await lockstep.transaction(items, {
          operationId,
          ...this.#patience(),
        });
        return versions.map((version) => ({ answer: { outcome: 'acknowledged', version }, message: '' }));
      } catch (error) {
        return ids.map(() => answeredBy(error));
      }
    });
  }

  #item(tx: TransactionScope, { key, change }: RandomWrite) {
    const { entity } = this.placeOf(key);
    if (!isTransactional(entity)) throw new TypeError(`${entity.name} is not transactional`);
    const writer = tx(entity);
    switch (change.kind) {
      case 'create':
        return writer.create(change.account);
      case 'replace':
        return writer.replace(change.account);
      case 'update':
        return writer.update(key, change.patch);
      case 'delete':
        return writer.delete(key);
    }
  }

  async #untilKnown(
    ids: readonly string[],
    call: () => Promise<readonly Pick<Answered, 'answer' | 'message'>[]>,
  ): Promise<void> {
    const { log } = this.#options;
    const giveUpAt = Date.now() + askAgainForMs;
    for (;;) {
      const answers = await call();
      for (const [at, { answer, message }] of answers.entries()) log.answer(ids[at] ?? '', answer, message);
      if (answers.every(({ answer }) => answer.outcome !== 'unknown') || Date.now() > giveUpAt) return;
      await setTimeout(pauseMs);
      for (const id of ids) log.askAgain(id);
    }
  }

  /** A transaction of the service's own, with its own SQL and all keys touched. It is not tried again. */
  async #touch(own: OwnConnections, taken: readonly RandomWrite[]): Promise<void> {
    const { lockstep, log } = this.#options;
    const writes = taken.map(({ key, change }) => {
      this.#asked += 1;
      return { operationId: `touch-${this.#asked}`, key, change: this.#ownChange(key, change) };
    });
    for (const write of writes) log.ask({ ...write, expected: null });
    const answerAll = (answer: Answer, message = '') => {
      for (const { operationId } of writes) log.answer(operationId, answer, message);
    };
    this.together.push(writes.map(({ operationId }) => operationId));
    const keysOf = Map.groupBy(writes, ({ key }) => this.placeOf(key));
    const versions = new Map<Place, string>();
    const isFirst = this.#random.chance(0.5);
    let isCommitting = false;
    try {
      const store = await lockstep.primary();
      const at = await own.to(store);
      const touchAll = async () => {
        for (const [place, some] of keysOf) {
          const keys = some.map(({ key }) => key);
          const { token } = await lockstep.touch(
            at.tx,
            place.entity,
            // One key and a list of one go different ways.
            keys.length === 1 && this.#random.chance(0.5) ? (keys[0] ?? '') : keys,
          );
          versions.set(place, versionOf(token));
        }
      };
      await at.run('BEGIN');
      if (isFirst) await touchAll();
      for (const { key, change } of writes) {
        if (await this.#changed(at, store, key, change)) continue;
        await at.run('ROLLBACK');
        answerAll({ outcome: 'refused', code: 'NotFound' });
        return;
      }
      if (!isFirst) await touchAll();
      isCommitting = true;
      await at.run('COMMIT');
      this.counts.touches += 1;
      for (const { operationId, key } of writes)
        log.answer(operationId, {
          outcome: 'acknowledged',
          version: versions.get(this.placeOf(key)) ?? '',
        });
    } catch (error) {
      this.counts.touchesFailed += 1;
      const code = isLockstepError(error) ? error.code : 'Unexpected';
      answerAll({ outcome: isCommitting ? 'unknown' : 'failed', code }, String(error));
      for (const { operationId, key } of writes)
        this.#versions.set(operationId, versions.get(this.placeOf(key)) ?? null);
      await own.forget();
    }
  }

  readonly #versions = new Map<string, string | null>();

  /** What a touch whose commit was not answered had been given; null where it had not come so far. */
  versionOf(operationId: string): string | null {
    return this.#versions.get(operationId) ?? null;
  }

  /** As the caller's own SQL does it: it needs to know nothing of what is there, and marks what it deletes. */
  #ownChange(key: string, change: Change): Change {
    switch (change.kind) {
      case 'create':
        return { kind: 'replace', account: change.account };
      case 'delete':
        return { kind: 'delete', mark: this.#writes.account(key).mark };
      default:
        return change;
    }
  }

  /** False where there is no row to change. */
  async #changed(
    at: OwnConnection,
    store: 'legacy' | 'modern',
    key: string,
    change: Change,
  ): Promise<boolean> {
    const { layout, suffix } = this.placeOf(key);
    const sql = ownSql(store, layout, suffix);
    const isThere = await sql.look(at, key);
    switch (change.kind) {
      case 'update':
        if (isThere) await sql.update(at, key, change.patch);
        return isThere;
      case 'delete':
        if (!isThere) return false;
        await sql.update(at, key, { mark: change.mark ?? 0 });
        await sql.delete(at, key);
        return true;
      default: {
        const { id, ...values } = change.account;
        await (isThere ? sql.update(at, id, values) : sql.insert(at, change.account));
        return true;
      }
    }
  }
}

function isTransactional(entity: AccountEntity): entity is AccountEntity & Transactional {
  return entity.pattern === 'transactional';
}

/** One caller's, made anew where they are gone. */
class OwnConnections implements AsyncDisposable {
  readonly #urls: StoreUrls;
  #open: { readonly store: string; readonly at: OwnConnection } | null = null;

  constructor(urls: StoreUrls) {
    this.#urls = urls;
  }

  async to(store: 'legacy' | 'modern'): Promise<OwnConnection> {
    if (this.#open?.store !== store) {
      await this.forget();
      this.#open = { store, at: await connectTo(store, this.#urls) };
    }
    return this.#open.at;
  }

  async forget(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    await open?.at.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.forget();
  }
}
