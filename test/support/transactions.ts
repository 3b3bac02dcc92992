import type { Attempt } from '../../databases/contract/transactions.ts';
import type { StoreName } from '../../model/failure.ts';
import { bound, createAccounts, ledger } from './accounts.ts';
import type { Scene } from './scene.ts';

const tables = ['bound', 'ledgers'];

/** Two kinds of records that are written together. */
export const boundScene = {
  entities: [bound, ledger],
  tables: {
    legacy: tables.map((table) => createAccounts(table, 'legacy')),
    modern: tables.map((table) => createAccounts(table, 'modern')),
  },
};

/** What is prepared in either store and has not ended. */
export async function inDoubtIn(scene: Scene): Promise<{ store: StoreName; branch: Attempt }[]> {
  const found: { store: StoreName; branch: Attempt }[] = [];
  for (const store of ['legacy', 'modern'] as const) {
    for (const branch of await scene.stores[store].preparedBranches(scene.migration.name)) {
      found.push({ store, branch });
    }
  }
  return found;
}
