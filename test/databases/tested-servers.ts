import { type FurtherName, furtherNames } from '../../deploy/dev/contract.ts';

interface TestedServer {
  /** In the names of tests. */
  readonly title: string;
  /** Whose SQL it speaks. */
  readonly engine: 'MariaDB' | 'PostgreSQL';
  /** Default: the one that every test run starts for the engine. */
  readonly server?: FurtherName;
}

const further = [
  { title: 'MySQL 9.7', engine: 'MariaDB', server: 'mysql-9.7' },
  { title: 'MariaDB 11.8', engine: 'MariaDB', server: 'mariadb-11.8' },
  { title: 'PostgreSQL 18', engine: 'PostgreSQL', server: 'postgresql-18' },
] as const satisfies readonly TestedServer[];

/**
 * What the contract suite runs on: the two that every run starts, and those of other versions. `LOCKSTEP_TEST_SERVERS` names the
 * others, with commas between. Default: none.
 */
export const testedServers: readonly TestedServer[] = [
  { title: 'PostgreSQL', engine: 'PostgreSQL' },
  { title: 'MariaDB', engine: 'MariaDB' },
  ...further.filter(({ server }) => named().includes(server)),
];

function named(): readonly FurtherName[] {
  return (process.env.LOCKSTEP_TEST_SERVERS ?? '')
    .split(',')
    .filter(Boolean)
    .map((name) => {
      const known = furtherNames.find((further) => further === name);
      if (known) return known;
      throw new Error(`LOCKSTEP_TEST_SERVERS names ${name}; there are ${furtherNames.join(', ')}`);
    });
}
