import type { Client } from '@temporalio/client';
import { primaryStore } from '../../databases/contract/current-state.ts';
import type { StoreName } from '../../model/failure.ts';
import type { Migration } from '../../model/migration.ts';
import { otherStore } from '../../model/phase.ts';
import { searchAttributes } from '../../workflows/messages.ts';
import { withStores } from './with-stores.ts';

export interface Preparation {
  readonly addresses: Readonly<Record<StoreName, string>>;
  readonly statements: Readonly<Record<StoreName, readonly string[]>>;
}

/** What `prepare` would run in each store. Throws what `prepareStores` throws. */
export function planPreparation(migration: Migration, environment: NodeJS.ProcessEnv): Promise<Preparation> {
  return withStores(migration, environment, async ({ legacy, modern }) => {
    for (const store of [legacy, modern]) await store.assertDefinable();
    return {
      addresses: { legacy: legacy.address, modern: modern.address },
      statements: { legacy: await legacy.plan(), modern: await modern.plan() },
    };
  });
}

/**
 * Creates control tables and write routines in both stores, and records the definition that they are for. Safe to repeat.
 *
 * @throws LockstepError `InvalidDefinition` where a shape does not fit its tables, or another migration has one of them;
 *   `GateRefused` where entities come or go in a phase in which they would miss the backfill. Nothing is changed then.
 */
export function prepareStores(migration: Migration, environment: NodeJS.ProcessEnv): Promise<void> {
  return withStores(migration, environment, async (stores) => {
    for (const store of [stores.legacy, stores.modern]) await store.assertDefinable();
    const primary = await primaryStore({ migration, stores });
    // The primary comes last: it takes nothing under the new definition that an older worker could still copy.
    await stores[otherStore(primary)].prepare();
    await stores[primary].prepare();
  });
}

/** Temporal's number for the type of a keyword (temporal.api.enums.v1.IndexedValueType). */
const keyword = 2;

/** Registers the search attributes that Temporal does not know yet; gives their names. */
export async function registerSearchAttributes(client: Client): Promise<string[]> {
  const missing = await missingSearchAttributes(client);
  if (missing.length > 0) {
    await operatorServiceOf(client).addSearchAttributes({
      namespace: client.options.namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, keyword])),
    });
  }
  return missing;
}

/** Those that Temporal does not know yet. */
export async function missingSearchAttributes(client: Client): Promise<string[]> {
  const { namespace } = client.options;
  const known = await operatorServiceOf(client).listSearchAttributes({ namespace });
  return Object.values(searchAttributes).filter((name) => !(name in (known.customAttributes ?? {})));
}

function operatorServiceOf(client: Client): OperatorService {
  const { operatorService } = client.connection as { operatorService?: OperatorService };
  if (!operatorService) throw new TypeError('the Temporal connection has no operator service');
  return operatorService;
}

interface OperatorService {
  listSearchAttributes(request: { namespace: string }): Promise<{ customAttributes?: object | null }>;
  addSearchAttributes(request: {
    namespace: string;
    searchAttributes: Record<string, number>;
  }): Promise<unknown>;
}
