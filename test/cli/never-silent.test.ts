import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noticeEveryMs } from '../../cli/notices.ts';
import { createProgram } from '../../cli/program.ts';
import type { StoreName } from '../../model/failure.ts';
import { Commands } from '../support/commands.ts';
import { connectAndStart, type Fixture, fixture } from '../support/harness.ts';
import { environmentOf } from '../support/process.ts';

let at: Fixture;
let commands: Commands;
let environment: NodeJS.ProcessEnv;
beforeAll(async () => {
  at = await fixture();
  commands = await Commands.start(3);
  const worker = await at.work();
  await connectAndStart(at);
  await worker.shutdown();
  environment = environmentOf(at);
});
afterAll(async () => {
  await commands?.[Symbol.asyncDispose]();
  await at?.[Symbol.asyncDispose]();
});

/** All that ask something of a server; what they change is said with `--yes`. */
const asking = [
  'doctor',
  'prepare --yes',
  'plan',
  'start --yes',
  'apply --yes',
  'status',
  'advance --yes',
  'advance --dry-run',
  'rollback --yes',
  'decommission --yes --watch-seconds 0',
  'pause --yes',
  'resume --yes',
  'backfill --yes',
  'reads 10 --yes',
  'rate 100 --yes',
  'validate --yes',
  'writes list',
  'writes show none',
  'writes retry none --yes',
  'writes discard none --yes',
  'writes compensate none --yes',
  'journal list',
  'journal show none',
  'journal retry --yes',
  'reconcile --yes',
  'reconcile --every 1h --yes',
  'differences',
] as const;
type Asking = (typeof asking)[number];

/** Of these `dev` has servers of its own; `worker` and what runs on have tests of their own. */
const askingNobody = ['dev up', 'dev down', 'dev status', 'schema', 'worker', 'codec'];

test('no command is left out', () => {
  const leaves = (command: Command, path: readonly string[]): string[] =>
    command.commands.length === 0
      ? [path.join(' ')]
      : command.commands.flatMap((inner) => leaves(inner, [...path, inner.name()]));
  const missing = leaves(createProgram({ json: false }), []).filter(
    (path) => !askingNobody.includes(path) && !asking.some((one) => `${one} `.startsWith(`${path} `)),
  );
  expect(missing).toEqual([]);
});

test('what a command waits for is said within three seconds', () => {
  expect(noticeEveryMs).toBeLessThanOrEqual(3_000);
});

/** Of each way that a command goes to its servers, one. */
const oneOfEach = [
  'doctor',
  'prepare --yes',
  'plan',
  'status',
  'advance --yes',
  'journal list',
] as const satisfies readonly Asking[];

const without = (...names: readonly Asking[]) => asking.filter((name) => !names.includes(name));

function changed(store: StoreName, change: (url: URL) => void): NodeJS.ProcessEnv {
  const name = store === 'legacy' ? 'LOCKSTEP_LEGACY_URL' : 'LOCKSTEP_MODERN_URL';
  const url = new URL(environment[name] ?? '');
  change(url);
  return { [name]: url.href };
}

interface Failure {
  readonly what: string;
  readonly commands: readonly Asking[];
  /** What the message must have: the value, the cause and the remedy. */
  readonly says: () => readonly (string | RegExp)[];
  readonly environment?: () => NodeJS.ProcessEnv;
  /** Gives what undoes it. */
  readonly begin?: () => Promise<() => Promise<unknown>>;
}

/** An account that may connect, and no more. */
async function poorAccount(store: StoreName): Promise<{ name: string; drop: () => Promise<unknown> }> {
  const name = `poor_${randomBytes(4).toString('hex')}`;
  const rows = at.sql[store];
  if (store === 'modern') {
    await rows(`CREATE ROLE ${name} LOGIN PASSWORD 'poor'`);
    return { name, drop: () => rows(`DROP ROLE ${name}`) };
  }
  const database = new URL(environment.LOCKSTEP_LEGACY_URL ?? '').pathname.slice(1);
  await rows(`CREATE USER ${name}@'%' IDENTIFIED BY 'poor'`);
  for (const table of ['accounts', 'twins', 'flagged', 'lockstep_migrations'])
    await rows(`GRANT SELECT ON ${database}.${table} TO ${name}@'%'`);
  return { name, drop: () => rows(`DROP USER ${name}@'%'`) };
}

let poor = '';
const asPoor = (store: StoreName) => ({
  begin: async () => {
    const { name, drop } = await poorAccount(store);
    poor = name;
    return drop;
  },
  environment: () =>
    changed(store, (url) => {
      url.username = poor;
      url.password = 'poor';
    }),
});

const failures: readonly Failure[] = [
  {
    what: 'nothing listens where Temporal should be',
    commands: without('plan'),
    environment: () => ({ TEMPORAL_ADDRESS: '127.0.0.1:1' }),
    says: () => ['127.0.0.1:1', 'ECONNREFUSED', 'TEMPORAL_ADDRESS'],
  },
  {
    what: 'the host of Temporal is not known',
    commands: ['doctor', 'status'],
    environment: () => ({ TEMPORAL_ADDRESS: 'nowhere.invalid:7233' }),
    says: () => ['nowhere.invalid:7233', 'nobody knows that host', 'TEMPORAL_ADDRESS'],
  },
  {
    what: 'Temporal has no such namespace',
    commands: without('plan'),
    environment: () => ({ TEMPORAL_NAMESPACE: 'nowhere' }),
    says: () => ['"nowhere"', 'has no namespace', 'TEMPORAL_NAMESPACE', 'namespace create'],
  },
  {
    what: 'no worker is there',
    commands: without(
      'doctor',
      'prepare --yes',
      'plan',
      'writes list',
      'writes show none',
      'writes retry none --yes',
      'writes discard none --yes',
      'writes compensate none --yes',
      'journal list',
      'journal show none',
      'reconcile --every 1h --yes',
      'differences',
      // It has begun, and says so.
      'start --yes',
    ),
    says: () => [at.migration.name, /no worker (answers|asks)/, 'lockstep worker'],
  },
  ...(['legacy', 'modern'] as const).flatMap((store): Failure[] => {
    const number = (mysql: string, postgresql: string) => (store === 'legacy' ? mysql : postgresql);
    const url = `LOCKSTEP_${store.toUpperCase()}_URL`;
    // The other store alone is enough for those that only ask about the primary.
    const all = store === 'legacy' ? without('pause --yes', 'resume --yes', 'status') : oneOfEach.slice(0, 4);
    const some = store === 'legacy' ? oneOfEach : oneOfEach.slice(0, 4);
    return [
      {
        what: `the password of ${store} is wrong`,
        commands: all,
        environment: () =>
          changed(store, (to) => {
            to.password = 'wrong';
          }),
        says: () => [
          `the ${store} store`,
          `${number('1045', '28P01')} (account or password not accepted)`,
          '(lockstep)',
          url,
        ],
      },
      {
        what: `the database of ${store} is not there`,
        commands: some,
        environment: () =>
          changed(store, (to) => {
            to.pathname = '/nowhere';
          }),
        says: () => [`the ${store} store`, '/nowhere', `${number('1049', '3D000')} (no such database)`, url],
      },
      {
        what: `the server of ${store} is away`,
        commands: some,
        begin: async () => {
          await at.proxies[store].cut();
          return () => at.restore();
        },
        says: () => [
          `the ${store} store`,
          new URL(at.proxies[store].url).host,
          /ECONN/,
          'check that the server runs',
        ],
      },
      {
        what: `the account of ${store} lacks a right`,
        ...asPoor(store),
        commands: ['prepare --yes', 'plan', 'doctor'],
        says: () => [
          `the ${store} store`,
          `${number('1142', '42501')} (permission denied): ${number('SELECT', 'schema lockstep')}`,
          `grant that to ${poor}`,
          url,
        ],
      },
    ];
  }),
  {
    what: 'the control tables of legacy are not there',
    commands: ['doctor', 'start --yes', 'advance --yes', 'writes list'],
    begin: async () => {
      await at.sql.legacy('RENAME TABLE lockstep_migrations TO elsewhere');
      return () => at.sql.legacy('RENAME TABLE elsewhere TO lockstep_migrations');
    },
    says: () => ['the legacy store', at.migration.name, 'version 0', 'lockstep prepare'],
  },
  {
    what: 'a table of modern is not there',
    commands: ['doctor', 'prepare --yes', 'plan'],
    begin: async () => {
      await at.sql.modern('ALTER TABLE accounts RENAME TO elsewhere');
      return () => at.sql.modern('ALTER TABLE elsewhere RENAME TO accounts');
    },
    says: () => ['account.modern', 'accounts', /no table|not there|does not exist/],
  },
];

describe.each(failures)('$what', ({ commands: told, environment: besides, begin, says }) => {
  test('is told by every command, with value, cause and remedy', async () => {
    const undo = await begin?.();
    try {
      await Promise.all(
        told.map(async (command) => {
          const given = { ...environment, ...besides?.() };
          const { code, stdout, stderr } = await commands.run([...command.split(' '), '--json'], given);
          expect({ command, code }).not.toEqual({ command, code: 0 });
          const [line = ''] = stdout.trim().split('\n');
          const shown = JSON.stringify(JSON.parse(line)).replaceAll('\\"', '"');
          for (const part of says())
            expect({ command, shown, stderr }).toMatchObject({
              shown: expect.stringMatching(asPattern(part)),
            });
          // Never a number that nobody has explained.
          expect(shown).not.toMatch(/(?:error|SQLSTATE) \w+(?! \()[;,:."]/);
        }),
      );
    } finally {
      await undo?.();
    }
  });
});

function asPattern(part: string | RegExp): RegExp {
  return typeof part === 'string' ? new RegExp(part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) : part;
}

// It says so as soon as anything lasts: here at once, so that no test depends on a duration.
describe('what does not answer is named while it is waited for', () => {
  const often = { noticeEveryMs: 25 };

  test.each(['legacy', 'modern'] as const)('the %s store', async (store) => {
    at.proxies[store].hang();
    const asking = ['doctor', 'status', 'journal list'].map(async (command) => {
      const { stderr } = await commands.run(command.split(' '), environment, often);
      expect({ command, stderr }).toMatchObject({
        stderr: expect.stringMatching(
          new RegExp(`^waiting for .*the ${store} store \\(.*${new URL(at.proxies[store].url).host}`, 'm'),
        ),
      });
    });
    await Promise.all(asking);
  });

  test('a worker', async () => {
    const { code, stderr } = await commands.run(['pause', '--yes'], environment, { noticeEveryMs: 1 });
    expect(code).toBe(1);
    expect(stderr).toContain(`waiting for a worker to answer for migration ${at.migration.name}`);
  });
});

test('status names a store that it cannot reach, with a worker or without, and shows what it knows', async () => {
  await at.proxies.modern.cut();
  const shown = await commands.run(['status'], environment);
  expect(shown.stdout).toContain('[legacy-only]');
  expect(shown.stdout).toMatch(/problem {3}the modern store at .* is not available/);
  expect(shown.stdout).toMatch(/problem {3}no worker answers/);
  const away = await commands.run(['status'], { ...environment, TEMPORAL_ADDRESS: '127.0.0.1:1' });
  expect(away.stdout).toContain('[legacy-only]');
  expect(away.stdout).toMatch(/problem {3}Temporal at 127.0.0.1:1 does not answer/);
  expect(away.code).toBe(3);
});

test.each([
  ['bogus'],
  [''],
  ['journal'],
  ['journal list --status none'],
  ['journal list --limit x'],
  ['reconcile --every often'],
  ['reads'],
  ['advance --bogus'],
  ['writes show'],
  ['advance --window never'],
])('what is wrong with "%s" is told as JSON too', async (command) => {
  const args = command.split(' ').filter((arg) => arg !== '');
  const json = await commands.run([...args, '--json'], environment);
  expect(json.stderr).toBe('');
  expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'InvalidInput' } });
  expect([1, 4]).toContain(json.code);
  const told = await commands.run(args, environment);
  expect(told).toMatchObject({ code: json.code, stdout: '' });
  expect(told.stderr).not.toBe('');
});
