import { configuredDefinition } from '../../client/operator/running-definition.ts';
import { definitionDigest } from '../../model/definition.ts';
import type { Entity } from '../../model/entity.ts';
import { imageOf } from '../../model/field.ts';
import type { Migration } from '../../model/migration.ts';
import type { Operation } from '../../model/operation.ts';
import type { DurableState } from '../../model/phase.ts';
import { HybridClock } from '../../model/version.ts';
import { groupInput, transactionInput, writeInput } from '../../model/workflow-inputs.ts';
import { account, newAccount } from '../../test/support/accounts.ts';
import type { inputSchemas } from '../../workflows/inputs.ts';

/** The operation's id, wherever there is one. */
export const hostileId = 'hostile';

/** What each workflow may be started with; those that take nothing are left out. */
export type SoundInputs = Readonly<Record<Exclude<keyof typeof inputSchemas, 'pruneJournal'>, unknown>>;

export function soundInputs(migration: Migration, state: DurableState): SoundInputs {
  const { name } = migration;
  const entities = migration.entities.map((entity) => entity.name);
  const given = { ack: 'both', dualWrite: true } as const;
  const operation = operationOf(account);
  const rounds = { rounds: 1, everyMs: 0 };
  const item = { entity: account.name, kind: 'create', value: newAccount(), operationId: hostileId };
  return {
    write: writeInput(migration, { entity: account, operation, state }, given),
    writeGroup: {
      ...groupInput(migration, state, given),
      writes: [{ operation, pattern: account.pattern }],
    },
    transaction: transactionInput(
      migration,
      { transaction: { id: operation.id, operations: [operation] }, state },
      'both',
    ),
    save: { ...item, ack: 'both', inputVersion: 1 },
    saveMany: { items: [item], ack: 'both' },
    migration: { migration: name, ...configuredDefinition(migration), state: null },
    backfill: { migration: name, entities, parallel: 2, paused: false, rate: null, carried: null },
    validate: { migration: name, entities, sample: null, seed: 1 },
    reconcile: { migration: name, entities, repair: false, from: null, carried: null },
    recoverTransactions: rounds,
    replicateCaptured: rounds,
    replicateOwed: { completed: 0, failed: 0 },
    resolveParked: { operationId: hostileId, store: 'legacy', resolution: 'discard', reason: null },
    retryFailedOperations: {
      migration: name,
      rounds,
      parked: true,
      olderThanMs: 0,
      ids: null,
      carried: null,
    },
  };
}

const clock = new HybridClock();

export function operationOf(entity: Entity, id = hostileId): Operation {
  const value = newAccount();
  return {
    id,
    entity: entity.name,
    kind: 'replace',
    key: [String(value.id)],
    image: imageOf(entity.fields, value, entity.name),
    proposed: clock.next(),
    definition: definitionDigest(entity),
    expectedVersion: null,
  };
}
