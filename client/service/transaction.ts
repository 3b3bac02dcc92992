import { recordIdentity } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { entityNamed, type Migration } from '../../model/migration.ts';
import type { Operation } from '../../model/operation.ts';
import { routes } from '../../model/phase.ts';
import { largestTransaction, operationIdAt } from '../../model/transaction.ts';
import type { RouteCache } from './route-cache.ts';
import { type Token, tokenOf } from './token.ts';
import type { TransactionProbe } from './transaction-probe.ts';
import type { TransactionStarter } from './transaction-starter.ts';
import type { WriteOptions } from './write-options.ts';

/** One record's part in a transaction: made by a repository's `creating`, `replacing`, `updating` and `deleting`. */
export interface TransactionItem {
  readonly entity: string;
  /** Validates as the write of its own would. */
  operation(id: string): Promise<Operation>;
}

export type TransactionOptions = Pick<WriteOptions, 'operationId' | 'ack' | 'timeoutMs'>;

export interface TransactionReceipt {
  readonly operationId: string;
  /** Of each record, in the order of the items; null with `ack: 'recorded'`. */
  readonly versions: readonly string[] | null;
  /** Pass one of them as `atLeast` to read what was written. */
  readonly tokens: readonly Token[] | null;
}

export interface TransactionParts {
  readonly migration: Migration;
  readonly routes: RouteCache;
  readonly probe: TransactionProbe;
  readonly starter: TransactionStarter;
}

/** Checks a list of items, and has it carried out: all of them in both stores, or none in either. */
export class Transactions {
  readonly #parts: TransactionParts;

  constructor(parts: TransactionParts) {
    this.#parts = parts;
  }

  async run(
    id: string,
    items: readonly TransactionItem[],
    options: TransactionOptions,
  ): Promise<TransactionReceipt> {
    const entities = this.#entitiesOf(items);
    const operations = await Promise.all(
      items.map((item, position) => item.operation(operationIdAt(id, position))),
    );
    refuseRepeats(operations);
    const state = await this.#parts.routes.current();
    if (routes[state.phase].secondary !== null) await this.#parts.probe.check(entities);
    const receipt = await this.#parts.starter.run({ id, operations }, state, {
      ack: options.ack ?? 'both',
      timeoutMs: options.timeoutMs ?? null,
    });
    const { versions } = receipt;
    return { operationId: id, versions, tokens: versions?.map(tokenOf) ?? null };
  }

  #entitiesOf(items: readonly TransactionItem[]): readonly Entity[] {
    if (items.length === 0) {
      throw new LockstepError('InvalidTransaction', 'the transaction is empty; give it at least one item');
    }
    if (items.length > largestTransaction) {
      throw new LockstepError(
        'TooLarge',
        `the transaction has ${items.length} items, at most ${largestTransaction} may hold locks in both stores at once; split it`,
      );
    }
    const names = [...new Set(items.map((item) => item.entity))];
    return names.map((name) => {
      const entity = entityNamed(this.#parts.migration, name);
      if (entity.pattern === 'transactional') return entity;
      throw new LockstepError(
        'InvalidTransaction',
        `${name} has the pattern ${entity.pattern}; a transaction takes entities of the pattern transactional`,
        { entity: name, remedy: `declare ${name} with pattern: 'transactional'` },
      );
    });
  }
}

function refuseRepeats(operations: readonly Operation[]): void {
  const seen = new Map<string, number>();
  for (const [position, { entity, key }] of operations.entries()) {
    const identity = recordIdentity(entity, key);
    const first = seen.get(identity);
    seen.set(identity, position);
    if (first === undefined) continue;
    throw new LockstepError(
      'InvalidTransaction',
      `items ${first + 1} and ${position + 1} of the transaction name the same ${entity}; give each record one item with what it shall be in the end`,
      { entity },
    );
  }
}
