// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are pieces of template strings
import type { Guard } from '../guard.ts';

/** Triggers that note what other sessions write. */
export const captureGuards: readonly Guard[] = [
  {
    file: 'databases/sql/capture.ts',
    text: '      if (silent !== null) return silent;\n',
    without: '',
    tests: ['test/databases/capture-cascades.test.ts'],
    named: 'ON DELETE CASCADE fires no trigger',
    keeps: 'Nothing changes captured rows without a trigger.',
  },
  {
    file: 'databases/sql/capture.ts',
    text: 'on ? await captureUnavailableReason() : null',
    without: 'null',
    tests: ['test/databases/capture-rights.test.ts'],
    named: 'before a trigger is made',
    keeps: "No trigger of ours stops the application's writes for want of a right.",
  },
  {
    file: 'databases/sql/capture.ts',
    text: 'WHERE id IN (${placeholders(ids)})`',
    without: 'WHERE id IS NOT NULL OR id IN (${placeholders(ids)})`',
    tests: ['test/databases/capture.test.ts'],
    named: 'forgets the marks that it is told',
    keeps: 'A mark that comes while others are taken is not lost with them.',
  },
  {
    file: 'databases/postgresql/capture.ts',
    text: 'BEFORE TRUNCATE ON',
    without: 'AFTER TRUNCATE ON',
    tests: ['test/databases/capture.test.ts'],
    named: 'notes every key that a TRUNCATE deletes',
    keeps: 'PostgreSQL: what a TRUNCATE deletes is noted while it is there.',
  },
  {
    file: 'databases/postgresql/capture.ts',
    text: "IS DISTINCT FROM '1')`",
    without: "IS DISTINCT FROM '2')`",
    tests: ['test/databases/capture.test.ts'],
    named: 'at PostgreSQL as (legacy|modern) > notes nothing of what Lockstep',
    keeps: 'PostgreSQL: what Lockstep writes is no change of others.',
  },
  {
    file: 'databases/mysql/capture.ts',
    text: 'IF ${ownSession} IS NULL THEN',
    without: 'IF TRUE THEN',
    tests: ['test/databases/capture.test.ts'],
    named: 'at MariaDB as (legacy|modern) > notes nothing of what Lockstep',
    keeps: 'MySQL/MariaDB: what Lockstep writes is no change of others.',
  },
  {
    file: 'databases/postgresql/capture.ts',
    text: "IF ${keyOf(bound, table.key, 'OLD')} <> ${keyOf(bound, table.key, 'NEW')} THEN",
    without: 'IF false THEN',
    tests: ['test/databases/capture.test.ts'],
    named: 'at PostgreSQL as (legacy|modern) > notes what other sessions',
    keeps: 'PostgreSQL: a row that is given another key is noted under both.',
  },
  {
    file: 'databases/mysql/capture.ts',
    text: "IF ${keyOf(bound, key, 'OLD')} <> ${keyOf(bound, key, 'NEW')} THEN",
    without: 'IF FALSE THEN',
    tests: ['test/databases/capture.test.ts'],
    named: 'at MariaDB as (legacy|modern) > notes what other sessions',
    keeps: 'MySQL/MariaDB: a row that is given another key is noted under both.',
  },
];
