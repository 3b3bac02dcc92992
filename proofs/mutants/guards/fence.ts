// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are pieces of template strings
import type { Guard } from '../guard.ts';

/** The fence: no write by a route that is over. */
export const fenceGuards: readonly Guard[] = [
  {
    file: 'databases/mysql/engine.ts',
    text: '`${select(literal(migration))} LOCK IN SHARE MODE`',
    without: 'select(literal(migration))',
    tests: ['test/databases/fence.test.ts', 'test/databases/version-bumps.test.ts'],
    named: 'at MariaDB as',
    keeps:
      'MySQL/MariaDB: the route cannot change before a list, or work that goes around the routine, has committed.',
  },
  {
    file: 'databases/postgresql/engine.ts',
    text: 'SELECT pg_catalog.pg_advisory_xact_lock_shared(${fenceClass}, pg_catalog.hashtext(${name}))',
    without: 'SELECT pg_catalog.hashtext(${name})',
    tests: ['test/databases/fence.test.ts', 'test/databases/version-bumps.test.ts'],
    named: 'at PostgreSQL as',
    keeps:
      'PostgreSQL: the route cannot change before a list, or work that goes around the routine, has committed.',
  },
  {
    file: 'databases/postgresql/write-routine.ts',
    text: '  PERFORM pg_catalog.pg_advisory_xact_lock_shared(${fenceClass}, pg_catalog.hashtext(p_migration));\n',
    without: '',
    tests: ['test/databases/fence.test.ts'],
    named: 'at PostgreSQL as',
    keeps: 'PostgreSQL: the route cannot change before a write has committed.',
  },
  {
    file: 'databases/mysql/write-routine.ts',
    text: 'FROM lockstep_state s WHERE s.migration = p_migration LOCK IN SHARE MODE;',
    without: 'FROM lockstep_state s WHERE s.migration = p_migration;',
    tests: ['test/databases/fence.test.ts'],
    named: 'at MariaDB as',
    keeps: 'MySQL/MariaDB: the route cannot change before a write has committed.',
  },
  {
    file: 'databases/postgresql/write-routine.ts',
    text: "      OR (i.mode <> 'secondary' AND v_state.open = 0)\n",
    without: '',
    tests: ['test/databases/fence.test.ts'],
    named: 'at PostgreSQL as',
    keeps: 'PostgreSQL: a closed store decides nothing.',
  },
  {
    file: 'databases/mysql/write-routine.ts',
    text: " OR (p_mode <> 'secondary' AND v_open = 0)\n",
    without: '\n',
    tests: ['test/databases/fence.test.ts'],
    named: 'at MariaDB as',
    keeps: 'MySQL/MariaDB: a closed store decides nothing.',
  },
  {
    file: 'databases/postgresql/write-routine.ts',
    text: "      OR (i.mode = 'primary') <> (v_state.primary_store = p_store) THEN",
    without: '      OR false THEN',
    tests: ['test/databases/fence.test.ts'],
    named: 'at PostgreSQL as',
    keeps: 'PostgreSQL: only the primary decides, and it takes no replicas.',
  },
  {
    file: 'databases/mysql/write-routine.ts',
    text: "\n      OR (p_mode = 'primary') <> (v_primary = ${literal(store)})`;",
    without: '`;',
    tests: ['test/databases/fence.test.ts'],
    named: 'at MariaDB as',
    keeps: 'MySQL/MariaDB: only the primary decides, and it takes no replicas.',
  },
  {
    file: 'databases/mysql/write-routine.ts',
    text: '    IF ${isFenced(bound)} THEN LEAVE attempt; END IF;\n',
    without: '',
    tests: ['test/databases/fence.test.ts'],
    named: 'at MariaDB as',
    keeps: 'MySQL/MariaDB: nothing is attempted under another route.',
  },
];
