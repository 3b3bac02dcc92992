// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are pieces of template strings
import type { Guard } from '../guard.ts';

/** What transactions of the caller’s own have touched. */
export const touchGuards: readonly Guard[] = [
  {
    file: 'databases/postgresql/touch-routine.ts',
    text: '    ${state} FOR SHARE;',
    without: '    ${state};',
    tests: ['test/databases/touch.test.ts'],
    keeps: 'A transaction with an older snapshot finds the route changed.',
  },
  {
    file: 'databases/postgresql/touch-routine.ts',
    text: 'IF NOT pg_catalog.pg_try_advisory_xact_lock_shared(${fence}) THEN',
    without: 'IF false THEN',
    tests: ['test/databases/touch.test.ts'],
    keeps: 'A change of route waits for transactions that have touched, in PostgreSQL.',
  },
  {
    file: 'databases/postgresql/touch-routine.ts',
    text: "PERFORM pg_catalog.set_config('lock_timeout', '${touchFenceWaitMs}ms', true);",
    without: '',
    tests: ['test/databases/touch.test.ts'],
    named: 'gives way to a change',
    keeps: 'A transaction that others wait for holds no change of the route up, in PostgreSQL.',
  },
  {
    file: 'databases/postgresql/touch-routine.ts',
    text: 'LANGUAGE plpgsql SET search_path FROM CURRENT AS',
    without: 'LANGUAGE plpgsql AS',
    tests: ['test/databases/touch.test.ts'],
    keeps: 'A touch finds the table of its entity whatever the path of the caller is.',
  },
  {
    file: 'databases/mysql/touch-routine.ts',
    text: 'WHERE s.migration = p_migration ${sharedUnlessTaken};',
    without: 'WHERE s.migration = p_migration;',
    tests: ['test/databases/touch.test.ts'],
    keeps: 'A change of route waits for transactions that have touched, in MySQL/MariaDB.',
  },
  {
    file: 'databases/mysql/touch-routine.ts',
    text: '/*M! LOCK IN SHARE MODE SKIP LOCKED */ /*!80000 FOR SHARE SKIP LOCKED */',
    without: 'LOCK IN SHARE MODE',
    tests: ['test/databases/touch.test.ts'],
    named: 'gives way to a change',
    keeps: 'A touch never makes a change of the route the victim of a deadlock, in MySQL/MariaDB.',
  },
  {
    file: 'databases/mysql/touch-routine.ts',
    text: '(p_migration VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin,',
    without: '(p_migration VARCHAR(64),',
    tests: ['test/databases/touch.test.ts'],
    named: 'holds no other migration',
    keeps: 'A touch locks the route of its own migration alone, in MySQL/MariaDB.',
  },
  {
    file: 'databases/sql/durable-state.ts',
    text: 'throughDeadlocks(context.engine, once)',
    without: 'once()',
    tests: ['test/databases/touch.test.ts'],
    named: 'is made again',
    keeps: 'A change of the route outlives a deadlock of others.',
  },
  {
    file: 'databases/mysql/touch-routine.ts',
    text: '    SAVEPOINT lockstep_touch;\n    RELEASE SAVEPOINT lockstep_touch;',
    without: '    DO 0;',
    tests: ['test/databases/touch.test.ts'],
    keeps: 'A touch outside a transaction is refused in MySQL/MariaDB.',
  },
  {
    file: 'activities/write/converge.ts',
    text: '  await primary.noteTouched(entity, stored);\n',
    without: '',
    tests: ['test/workflows/touch.test.ts'],
    keeps: 'A touched record gets the digest of its rows, or is a tombstone.',
  },
];
