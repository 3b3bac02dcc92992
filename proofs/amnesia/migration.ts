import { defineMigration } from '../../model/migration.ts';
import { account, bound, createAccounts, ledger, twin } from '../../test/support/accounts.ts';
import type { FixtureOptions } from '../../test/support/fixture.ts';
import { quick } from '../../test/support/policy.ts';

export const amnesiaMigrationVariable = 'LOCKSTEP_AMNESIA_MIGRATION';

const tables = ['accounts', 'twins', 'bound', 'ledgers'];

/** Of each pattern one kind of records, and settings by which what is lost is soon looked for. */
export const amnesiaOptions = {
  entities: [account, twin, bound, ledger],
  tables: {
    legacy: tables.map((table) => createAccounts(table, 'legacy')),
    modern: tables.map((table) => createAccounts(table, 'modern')),
  },
  write: { callerTimeoutMs: 20_000, primaryGiveUpMs: 20_000 },
  transactions: { inDoubtMs: 1_000 },
  phases: { drainLimitMs: 60_000 },
  journal: { retryEveryMs: 1_000, retryAfterMs: 1_000 },
} satisfies FixtureOptions;

/** For a worker that is a process of its own. */
export function amnesiaMigration(name: string) {
  const { tables: _, ...options } = amnesiaOptions;
  return defineMigration({ name, deadline: '2100-01-01T00:00:00Z', ...options, ...quick(options) });
}
