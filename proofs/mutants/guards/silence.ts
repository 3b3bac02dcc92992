// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are pieces of template strings
import type { Guard } from '../guard.ts';

const notices = ['test/unit/notices.test.ts'];
const told = ['test/cli/never-silent.test.ts'];
const alone = ['test/workflows/temporal-alone.test.ts'];

/** That no command is silent, and that what it says helps. */
export const silenceGuards: readonly Guard[] = [
  {
    file: 'cli/notices.ts',
    text: 'if (longestMs > oftenMs && now - this.#saidAt < everyMs * 10) return;',
    without: 'if (longestMs < oftenMs) return;',
    tests: notices,
    keeps: 'What is waited for is said after three seconds.',
  },
  {
    file: 'client/waits.ts',
    text: 'return await heard.run(null, work);',
    without: 'return await work();',
    tests: notices,
    keeps: 'What is waited for is said once, in the words of the outermost.',
  },
  {
    file: 'client/operator/attended.ts',
    text: 'const isAnswered = await assertAnswered({ ...attendance, answerWithinMs });',
    without: 'const isAnswered = answerWithinMs > 0;',
    tests: ['test/cli/no-worker.test.ts'],
    named: 'does not wait for a worker',
    keeps: 'A command does not wait for a worker that is not there.',
  },
  {
    file: 'client/temporal/connection.ts',
    text: '    await assertNamespace(connection, { address, namespace });\n',
    without: '',
    tests: told,
    named: 'no such namespace',
    keeps: 'A namespace that is not there is told as such, with the remedy.',
  },
  {
    file: 'client/temporal/operator-connection.ts',
    text: 'if (silence !== null) throw',
    without: "if (silence === '') throw",
    tests: told,
    named: 'nothing listens',
    keeps: 'Where nothing listens, nobody waits.',
    equivalent:
      'the connection fails with the same words after ten seconds, and no test may depend on a duration',
  },
  {
    file: 'cli/show-status.ts',
    text: 'overdue || pending + tentative + parked + differences + setBack.length > 0',
    without: 'overdue || parked + setBack.length > 0',
    tests: ['test/cli/commands.test.ts'],
    named: 'that owes something',
    keeps: 'The status of a migration that owes something exits with 2.',
  },
  {
    file: 'cli/run.ts',
    text: 'return json && error.exitCode !== 0 ?',
    without: 'return json && error.exitCode > 1 ?',
    tests: told,
    named: 'is told as JSON too',
    keeps: 'Arguments that there are not are told as JSON where that was asked for.',
  },
  {
    file: 'databases/mysql/failures.ts',
    text: 'if (!listed?.isTriedAgain && !isTransient',
    without: 'if (!isTransient',
    tests: ['test/databases/failures.test.ts'],
    named: 'of an account that is not let in',
    keeps: 'A password that is not accepted refuses no write for good, at MySQL/MariaDB.',
  },
  {
    file: 'databases/postgresql/failures.ts',
    text: '|not queryable/i',
    without: '/i',
    tests: ['test/databases/ended-connection.test.ts'],
    keeps:
      'A connection of PostgreSQL that ended between two statements is an unavailable store, and no fault of ours.',
  },
  {
    file: 'databases/postgresql/failures.ts',
    text: 'if (condition?.isTriedAgain || isTransient(state))',
    without: 'if (isTransient(state))',
    tests: ['test/databases/failures.test.ts'],
    named: 'of an account that is not let in',
    keeps: 'Nor at PostgreSQL.',
  },
  {
    file: 'cli/worker-command.ts',
    text: 'if (process.ppid === parent) return;',
    without: 'if (process.ppid > 0) return;',
    tests: ['test/cli/under-npm.test.ts'],
    named: 'npx lockstep worker',
    keeps: 'A worker ends with the npx that ran it.',
  },
  {
    file: 'scripts/execute.mjs',
    text: "if (process.env.npm_lifecycle_event !== undefined && process.ppid !== parent) child.kill('SIGTERM');",
    without: '',
    tests: ['test/cli/under-npm.test.ts'],
    named: 'npm run lockstep',
    keeps: 'A command of this project ends with the npm that ran it.',
  },
  {
    file: 'workflows/migration/bulk-work.ts',
    text: '      searchAttributes: { [messages.searchAttributes.migration]: [migration] },\n',
    without: '',
    tests: alone,
    named: 'one filter lists all',
    keeps: 'A backfill and a validation are found by the filter of their migration.',
  },
  {
    file: 'workflows/migration/run.ts',
    text: '      this.update({ lastFailure: `${name} by signal: ${error.message}` });\n',
    without: '',
    tests: alone,
    named: 'a signal that is refused',
    keeps: 'A signal that is refused says why in the status.',
  },
];
