import type { Ack, Entity } from './entity.ts';
import type { Migration } from './migration.ts';
import { type Operation, routeOf, type WriteInput } from './operation.ts';
import type { DurableState } from './phase.ts';
import { writePolicyOf } from './policy.ts';
import { isInRollout } from './rollout.ts';
import type { Transaction, TransactionInput } from './transaction.ts';
import type { GroupCommon } from './write-group.ts';

/** What the workflow `write` is started with. */
export function writeInput(
  migration: Migration,
  { entity, operation, state }: { entity: Entity; operation: Operation; state: DurableState },
  given: Pick<WriteInput, 'ack' | 'dualWrite'>,
): WriteInput {
  const { policy } = migration;
  return {
    ...groupInput(migration, state, given),
    operation,
    pattern: entity.pattern,
    validateAfterMs: isInRollout('validate', operation.id, policy.validateShare * 100)
      ? policy.validateDelayMs
      : null,
  };
}

/** What the writes of a group have in common. */
export function groupInput(
  { policy, name }: Migration,
  state: DurableState,
  { ack, dualWrite }: Pick<WriteInput, 'ack' | 'dualWrite'>,
): GroupCommon {
  return { migration: name, ack, route: routeOf(state, dualWrite), dualWrite, policy: writePolicyOf(policy) };
}

/** What the workflow `transaction` is started with. */
export function transactionInput(
  { policy, name }: Migration,
  { transaction, state }: { transaction: Transaction; state: DurableState },
  ack: Ack,
): TransactionInput {
  return {
    migration: name,
    transaction,
    ack,
    route: routeOf(state),
    policy: { primaryGiveUpMs: policy.primaryGiveUpMs, journalRetentionMs: policy.journalRetentionMs },
  };
}
