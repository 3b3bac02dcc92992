import type { Attempt } from '../../databases/contract/transactions.ts';
import type { StoreName } from '../../model/failure.ts';
import { bound, createAccounts, ledger } from './accounts.ts';
import type { Fixture } from './fixture.ts';

const tables = ['bound', 'ledgers'];

/** Two kinds of records that are written together. */
export const transactionalFixture = {
  entities: [bound, ledger],
  tables: {
    legacy: tables.map((table) => createAccounts(table, 'legacy')),
    modern: tables.map((table) => createAccounts(table, 'modern')),
  },
};

/** What is prepared in either store and has not ended. */
export async function inDoubtIn(fixture: Fixture): Promise<{ store: StoreName; branch: Attempt }[]> {
  const found: { store: StoreName; branch: Attempt }[] = [];
  for (const store of ['legacy', 'modern'] as const) {
    for (const branch of await fixture.stores[store].preparedBranches(fixture.migration.name)) {
      found.push({ store, branch });
    }
  }
  return found;
}
