import { defineMigration, type Migration } from '../../model/migration.ts';
import { bound, journaled } from '../../test/support/accounts.ts';
import { quick } from '../../test/support/policy.ts';

export const nameVariable = 'LOCKSTEP_ACCOUNTS_MIGRATION';

/** One entity that a service itself writes, by the journal, and one whose writes span both stores: together they need each right. */
export function accountsMigration(name: string): Migration {
  return defineMigration({
    name,
    entities: [journaled, bound],
    deadline: '2035-01-31T00:00:00Z',
    ...quick(),
    legacy: { connectTimeoutMs: 2_000 },
    modern: { connectTimeoutMs: 2_000 },
  });
}
