import type { Ack, Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import type { KeyOf, Patch } from '../../model/key-input.ts';
import type { Migration } from '../../model/migration.ts';
import { Operations } from '../../model/operations.ts';
import type { HybridClock } from '../../model/version.ts';
import { declaredEntity } from './given.ts';
import type { TransactionItem } from './transaction.ts';
import type { WriteOptions } from './write-options.ts';

type Condition = Pick<WriteOptions, 'ifUnchangedSince'>;

/** The writes of one entity in a transaction. Each gives an item; nothing happens before all items are together. */
export interface TransactionWriter<E, K> {
  create(value: E): TransactionItem;
  replace(value: E, options?: Condition): TransactionItem;
  update(key: KeyOf<E, K>, patch: Patch<E, K>, options?: Condition): TransactionItem;
  delete(key: KeyOf<E, K>, options?: Condition): TransactionItem;
}

/** Gives the writes of an entity, which must have the pattern `transactional`. */
export type TransactionScope = <E, K, A extends Ack>(
  entity: Entity<E, K, 'transactional', A>,
) => TransactionWriter<E, K>;

export function transactionScope(migration: Migration, clock: HybridClock): TransactionScope {
  return (entity) => {
    assertTransactional(declaredEntity(migration, entity));
    const { name } = entity;
    const operations = new Operations(entity, clock);
    return {
      create: (value) => ({ entity: name, operation: (id) => operations.whole('create', value, id) }),
      replace: (value, options) => ({
        entity: name,
        operation: (id) => operations.whole('replace', value, id, options),
      }),
      update: (key, patch, options) => ({
        entity: name,
        operation: async (id) => operations.update(key, patch, id, options),
      }),
      delete: (key, options) => ({
        entity: name,
        operation: async (id) => operations.delete(key, id, options),
      }),
    };
  };
}

function assertTransactional({ name, pattern }: Entity): void {
  if (pattern === 'transactional') return;
  throw new LockstepError(
    'InvalidTransaction',
    `${name} has the pattern ${pattern}; a transaction takes entities of the pattern transactional`,
    { entity: name, remedy: `declare ${name} with pattern: 'transactional'` },
  );
}
