import type { Store } from '../../databases/contract/store.ts';
import type { Change } from '../../databases/contract/transactions.ts';
import type { StoredRecord } from '../../databases/contract/write.ts';
import { definitionRefusal, isOfOtherDefinition } from '../../databases/deciding/definition-refusal.ts';
import { primaryItem } from '../../databases/deciding/primary-item.ts';
import { recordIdentity } from '../../model/canonical.ts';
import type { AnyFailureCode } from '../../model/failure-codes.ts';
import { entityNamed, type Migration } from '../../model/migration.ts';
import type { Operation } from '../../model/operation.ts';
import { operationIdAt, type Transaction } from '../../model/transaction.ts';
import { isNewer, type Version } from '../../model/version.ts';

/** Why a transaction is refused for good. */
export interface Refusal {
  readonly code: AnyFailureCode;
  readonly reason: string;
}

/**
 * What the primary is asked to write. Images of partial updates are computed from what it has, and hold only while that
 * has not changed.
 *
 * @param atLeast versions that the operations must get at least, by position
 */
export async function primaryChanges(
  migration: Migration,
  primary: Store,
  { id, operations }: Transaction,
  atLeast: ReadonlyMap<number, Version>,
): Promise<readonly Change[] | Refusal> {
  for (const operation of operations) {
    const entity = entityNamed(migration, operation.entity);
    if (isOfOtherDefinition(entity, operation))
      return { code: 'DefinitionChanged', reason: await definitionRefusal(primary, entity, operation) };
  }
  const bases = await basesOf(migration, primary, operations);
  const changes: Change[] = [];
  for (const [position, operation] of operations.entries()) {
    const least = atLeast.get(position);
    const proposed = least && isNewer(least, operation.proposed) ? least : operation.proposed;
    const entity = entityNamed(migration, operation.entity);
    const item = await primaryItem(
      entity,
      { ...operation, id: operationIdAt(id, position), proposed },
      bases.get(recordIdentity(operation.entity, operation.key)) ?? null,
      { primary: primary.name, secondary: null },
    );
    if ('refused' in item) return { code: item.refused.code, reason: item.refused.message };
    changes.push({ entity, item });
  }
  return changes;
}

/** What the secondary takes: the primary's images, under the versions that it decided. */
export function secondaryChanges(changes: readonly Change[], versions: readonly Version[]): Change[] {
  return changes.map(({ entity, item }, position) => {
    const { mode, kind, key, image, operationId, status, sharedVersions } = item;
    const version = versions[position] ?? item.version;
    return {
      entity,
      item: {
        mode: mode === 'primary' ? 'secondary' : mode,
        kind,
        key,
        image,
        operationId,
        status,
        version,
        sharedVersions: sharedVersions.map((record) => ({ ...record, version })),
      },
    };
  });
}

async function basesOf(
  migration: Migration,
  primary: Store,
  operations: readonly Operation[],
): Promise<Map<string, StoredRecord>> {
  const bases = new Map<string, StoredRecord>();
  const updates = operations.filter((operation) => operation.kind === 'update');
  for (const name of new Set(updates.map((operation) => operation.entity))) {
    const keys = updates.filter((operation) => operation.entity === name).map(({ key }) => key);
    for (const stored of await primary.read(entityNamed(migration, name), keys)) {
      bases.set(recordIdentity(name, stored.key), stored);
    }
  }
  return bases;
}
