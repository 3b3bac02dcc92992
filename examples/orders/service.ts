import { randomUUID } from 'node:crypto';
import { LockstepError, type Receipt, type RepositoryOf, type Token } from 'lockstep';
import { OrderMaker } from './new-order.ts';
import type { order } from './order.ts';
import { digestOfOrder, type PromiseLog, type WriteKind } from './promises.ts';
import { Random } from './random.ts';
import type { Order } from './schema.ts';

export interface ServiceOptions {
  orders: RepositoryOf<typeof order>;
  /** The orders that are there when the service starts. */
  existing: readonly Order[];
  log: PromiseLog;
  seed: number;
  writesPerSecond: number;
  /** How long a write is asked for again, under the same id, before its outcome counts as unknown. */
  askAgainForMs?: number;
}

interface Write {
  kind: WriteKind;
  key: string;
  /** What the order is when the write has taken effect. */
  after: Order | null;
  send: (options: { operationId: string }) => Promise<Receipt<'primary'>>;
}

const maxInFlight = 200;
const pauseBetweenTriesMs = 500;

/** A shop's back office that never closes: creates, changes and deletes orders until it is told to stop. */
export class OrderService {
  readonly reads = { right: 0, wrong: 0, failed: 0 };
  readonly #options: Required<ServiceOptions>;
  readonly #random: Random;
  readonly #maker: OrderMaker;
  /** The orders as the service was last promised them; null for deleted ones. */
  readonly #known: Map<string, Order | null>;
  readonly #keys: string[];
  readonly #busy = new Set<string>();
  readonly #underWay = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #failure: unknown;

  constructor(options: ServiceOptions) {
    this.#options = { askAgainForMs: 60_000, ...options };
    this.#random = new Random(options.seed);
    this.#maker = new OrderMaker(this.#random, options.existing);
    this.#known = new Map(options.existing.map((order) => [order.id, order]));
    this.#keys = [...this.#known.keys()];
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#next(), 1000 / this.#options.writesPerSecond);
  }

  /**
   * Asks for nothing more, and resolves when everything that was asked for has an answer.
   * Rejects where an answer was none that a caller of Lockstep has to expect.
   */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** All orders, as the service was last promised them. */
  orders(): Order[] {
    return [...this.#known.values()].flatMap((order) => order ?? []);
  }

  #next(): void {
    if (this.#underWay.size >= maxInFlight) return;
    const write = this.#draw();
    if (!write) return;
    this.#busy.add(write.key);
    const done = this.#executeTransaction(write)
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  #draw(): Write | null {
    const dice = this.#random.next();
    if (dice < 0.3) return this.#create(this.#maker.create());
    const key = this.#random.chance(0.5) ? this.#random.pick(this.#keys) : this.#recentKey();
    if (this.#busy.has(key)) return null;
    const order = this.#known.get(key) ?? null;
    // An order that is gone: what the service asks for will be refused, and must then leave no trace.
    if (!order) return this.#delete(key);
    if (dice < 0.32) return this.#create({ ...this.#maker.replacement(order), id: key });
    if (dice < 0.7) return this.#update(order);
    if (dice < 0.85) return this.#replace(this.#maker.replacement(order));
    return this.#delete(key);
  }

  #recentKey(): string {
    return this.#random.pick(this.#keys.slice(-100));
  }

  #create(order: Order): Write {
    return {
      kind: 'create',
      key: order.id,
      after: order,
      send: (options) => this.#options.orders.create(order, options),
    };
  }

  #update(order: Order): Write {
    const patch = this.#maker.patch(order);
    return {
      kind: 'update',
      key: order.id,
      after: { ...order, ...patch },
      send: (options) => this.#options.orders.update(order.id, patch, options),
    };
  }

  #replace(order: Order): Write {
    return {
      kind: 'replace',
      key: order.id,
      after: order,
      send: (options) => this.#options.orders.replace(order, options),
    };
  }

  #delete(key: string): Write {
    return {
      kind: 'delete',
      key,
      after: null,
      send: (options) => this.#options.orders.delete(key, options),
    };
  }

  async #executeTransaction({ kind, key, after, send }: Write): Promise<void> {
    const { log } = this.#options;
    const operationId = randomUUID();
    log.ask(operationId, kind, key, after);
    const answer = await this.#ask(operationId, send);
    if (answer instanceof LockstepError) {
      const outcome = answer.retryable ? 'unknown' : 'refused';
      log.answer(operationId, outcome, null, answer.code);
      // An order whose state is not known is left alone from here on.
      if (outcome === 'refused') this.#busy.delete(key);
      return;
    }
    log.answer(operationId, 'acknowledged', answer.version);
    if (!this.#known.has(key)) this.#keys.push(key);
    this.#known.set(key, after);
    if (this.#random.chance(0.25)) await this.#readBack(key, after, answer.token);
    this.#busy.delete(key);
  }

  /** The same operation id each time, so that a write asked for twice takes effect once. */
  async #ask(operationId: string, send: Write['send']): Promise<Receipt<'primary'> | LockstepError> {
    const end = Date.now() + this.#options.askAgainForMs;
    for (;;) {
      try {
        return await send({ operationId });
      } catch (error) {
        if (!(error instanceof LockstepError)) throw error;
        if (!error.retryable || Date.now() >= end) return error;
        await new Promise((resolve) => setTimeout(resolve, pauseBetweenTriesMs));
      }
    }
  }

  async #readBack(key: string, expected: Order | null, token: Token): Promise<void> {
    try {
      const found = await this.#options.orders.get(key, { atLeast: token });
      const isRight = (found && digestOfOrder(found.value)) === (expected && digestOfOrder(expected));
      this.reads[isRight ? 'right' : 'wrong']++;
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      this.reads.failed++;
    }
  }
}
