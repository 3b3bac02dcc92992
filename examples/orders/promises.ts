import { createHash } from 'node:crypto';
import { appendFileSync, writeFileSync } from 'node:fs';
import { linesOf, type PlainLine } from './lines.ts';
import type { Order } from './schema.ts';

export type WriteKind = 'create' | 'update' | 'replace' | 'delete';

/** What the service asked for, and what it was told. Digests instead of orders: a log is no place for customers. */
export interface Asked {
  readonly operationId: string;
  readonly key: string;
  readonly kind: WriteKind;
  /** The digest of the order as it shall be; null where it shall be gone. */
  readonly intended: string | null;
  readonly askedAt: number;
  outcome: 'acknowledged' | 'refused' | 'unknown' | 'open';
  answeredAt: number | null;
  version: string | null;
}

/** The service's own record of every write, in memory and in a file that is only ever appended to. */
export class PromiseLog {
  readonly #file: string;
  readonly #asked = new Map<string, Asked>();
  /** Digests of the orders that were there before the service came. */
  readonly before: ReadonlyMap<string, string>;

  constructor(file: string, orders: readonly Order[]) {
    this.#file = file;
    this.before = new Map(orders.map((order) => [order.id, digestOfOrder(order)]));
    writeFileSync(file, '');
  }

  ask(operationId: string, kind: WriteKind, key: string, intended: Order | null): void {
    const asked: Asked = {
      operationId,
      key,
      kind,
      intended: intended && digestOfOrder(intended),
      askedAt: Date.now(),
      outcome: 'open',
      answeredAt: null,
      version: null,
    };
    this.#asked.set(operationId, asked);
    this.#append(asked);
  }

  answer(operationId: string, outcome: Asked['outcome'], version: string | null, code?: string): void {
    const asked = this.#asked.get(operationId);
    if (!asked) throw new RangeError(`nobody asked for operation ${operationId}`);
    Object.assign(asked, { outcome, version, answeredAt: Date.now() });
    this.#append({ operationId, outcome, version, code, answeredAt: asked.answeredAt });
  }

  /** In the order of asking. */
  all(): readonly Asked[] {
    return [...this.#asked.values()];
  }

  count(outcome: Asked['outcome']): number {
    return this.all().filter((asked) => asked.outcome === outcome).length;
  }

  #append(entry: object): void {
    appendFileSync(this.#file, `${JSON.stringify(entry)}\n`);
  }
}

export function digestOfOrder(order: Order): string {
  return digestOfLines(linesOf(order));
}

/** Covers everything but the names of products, which other orders may change. The comparison looks after those. */
export function digestOfLines(lines: readonly PlainLine[]): string {
  const texts = lines.map((line) =>
    JSON.stringify([...line].filter(([column]) => column !== 'product_name')),
  );
  return createHash('sha256').update(texts.sort().join('\n')).digest('hex');
}
