import { defineMigration } from '../../model/migration.ts';
import { bound, ledger } from '../../test/support/accounts.ts';

export const matrixMigrationVariable = 'LOCKSTEP_MATRIX_MIGRATION';

/** The settings are the default ones. Every transaction of a round stands still at once, so that each needs a connection. */
export function matrixMigration(name: string) {
  const stores = { poolSize: 40, connectTimeoutMs: 2_000 };
  return defineMigration({
    name,
    entities: [bound, ledger],
    deadline: '2035-01-31T00:00:00Z',
    legacy: stores,
    modern: stores,
  });
}
