import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { recordIdentity } from '../../model/canonical.ts';
import type { Ack, Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { entityNamed, type Migration } from '../../model/migration.ts';
import type { Operation } from '../../model/operation.ts';
import { routes } from '../../model/phase.ts';
import { type Token, tokenOf } from '../../model/token.ts';
import {
  type CommitReceipt as CarriedOut,
  maxTransactionSize,
  operationIdAt,
} from '../../model/transaction.ts';
import { askBefore } from './before-start.ts';
import { assertGiven } from './given.ts';
import type { RouteCache } from './route-cache.ts';
import { startTransaction } from './start-write.ts';
import type { TransactionProbe } from './transaction-probe.ts';
import { type Answered, answerWanted, type WriteOptions } from './write-options.ts';

/** One record's part in a transaction. */
export interface TransactionItem {
  readonly entity: string;
  /** Validates as the write of its own would. */
  operation(id: string): Promise<Operation>;
}

export type TransactionOptions<A extends Ack = Ack> = Pick<WriteOptions<A>, 'operationId' | 'timeoutMs'> & {
  /** When the caller is answered. @default 'both' */
  readonly ack?: A;
};

export type CommitReceipt<A extends Ack = Ack> = CommitAnswer<
  Answered<readonly string[], A>,
  Answered<readonly Token[], A>
>;

/** As the answer to a single write: its parameters are what is in it. */
interface CommitAnswer<V extends readonly string[] | null, T extends readonly Token[] | null> {
  readonly operationId: string;
  /** Of each record, in the order of the items; null with `ack: 'recorded'`. */
  readonly versions: V;
  /** Pass one of them as `atLeast` to read what was written. */
  readonly tokens: T;
}

interface Given {
  readonly ack: Ack;
  readonly timeoutMs: number | null;
  /** Whether the caller has named the id. */
  readonly isNamed: boolean;
}

export interface TransactionParts {
  readonly migration: Migration;
  readonly routes: RouteCache;
  readonly probe: TransactionProbe;
  readonly temporal: Client;
}

/** Checks a list of items, and has it carried out: all of them in both stores, or none in either. */
export class Transactions {
  readonly #parts: TransactionParts;

  constructor(parts: TransactionParts) {
    this.#parts = parts;
  }

  async run<A extends Ack>(
    items: readonly TransactionItem[],
    options: TransactionOptions<A>,
  ): Promise<CommitReceipt<A>> {
    assertGiven('a transaction', options, ['operationId', 'timeoutMs', 'ack']);
    const id = options.operationId ?? randomUUID();
    const { versions } = await this.#executeTransaction(id, items, {
      ...answerWanted(options, 'both'),
      isNamed: options.operationId !== undefined,
    });
    const tokens = versions?.map(tokenOf) ?? null;
    return {
      operationId: id,
      versions: versions as Answered<readonly string[], A>,
      tokens: tokens as Answered<readonly Token[], A>,
    };
  }

  /** A transaction of one, under the operation's id. */
  async only(operation: Operation, given: Given): Promise<CarriedOut> {
    const item = { entity: operation.entity, operation: async () => operation };
    return await this.#executeTransaction(operation.id, [item], given);
  }

  async #executeTransaction(
    id: string,
    items: readonly TransactionItem[],
    given: Given,
  ): Promise<CarriedOut> {
    const entities = this.#entitiesOf(items);
    const operations = await Promise.all(
      items.map((item, position) => item.operation(operationIdAt(id, position))),
    );
    assertDistinctRecords(operations);
    const about = {
      entity: entities.map(({ name }) => name).join(', '),
      operationId: id,
      isNamed: given.isNamed,
    };
    const state = await askBefore('transaction', about, async () => {
      const found = await this.#parts.routes.current();
      if (routes[found.phase].secondary !== null) await this.#parts.probe.check();
      return found;
    });
    const { temporal, migration } = this.#parts;
    return await startTransaction(temporal, migration, { transaction: { id, operations }, state }, given);
  }

  #entitiesOf(items: readonly TransactionItem[]): readonly Entity[] {
    // Types do not hold everybody.
    if (!Array.isArray(items)) {
      throw new LockstepError(
        'InvalidTransaction',
        'the function of the transaction gave no list; return the writes at once, as in (tx) => [tx(account).create(one)]',
      );
    }
    if (items.length === 0) {
      throw new LockstepError('InvalidTransaction', 'the transaction is empty; give it at least one item');
    }
    if (items.length > maxTransactionSize) {
      throw new LockstepError(
        'TooLarge',
        `the transaction has ${items.length} items, at most ${maxTransactionSize} may hold locks in both stores at once; split it`,
      );
    }
    const names = [...new Set(items.map((item) => item.entity))];
    return names.map((name) => entityNamed(this.#parts.migration, name));
  }
}

function assertDistinctRecords(operations: readonly Operation[]): void {
  const seen = new Map<string, number>();
  for (const [position, { entity, key }] of operations.entries()) {
    const identity = recordIdentity(entity, key);
    const first = seen.get(identity);
    seen.set(identity, position);
    if (first === undefined) continue;
    throw new LockstepError(
      'InvalidTransaction',
      `items ${first + 1} and ${position + 1} of the transaction name the same ${entity}; combine them into one item`,
      { entity },
    );
  }
}
