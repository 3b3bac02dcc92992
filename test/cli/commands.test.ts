import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { LockstepError } from '../../model/failure.ts';
import { account, newAccount, refusedByModern } from '../support/accounts.ts';
import { bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { environmentOf, fixtureConfig, lockstep } from '../support/process.ts';
import { until } from '../support/until.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('legacy-only');
});
beforeEach(() => bringTo(at.lockstep, 'legacy-only'));
afterAll(() => at?.[Symbol.asyncDispose]());

const run = (...args: string[]) => lockstep(args, environmentOf(at));

/** One object and nothing else on stdout; no password anywhere. */
async function json(...args: string[]) {
  const { code, stdout, stderr } = await run(...args, '--json');
  expectNoPassword(stdout + stderr);
  expect(stdout.trim().split('\n')).toHaveLength(1);
  return { code, shown: JSON.parse(stdout) as Record<string, unknown>, stderr };
}

function expectNoPassword(text: string): void {
  for (const url of [at.environment.LOCKSTEP_LEGACY_URL, at.environment.LOCKSTEP_MODERN_URL]) {
    expect(text).not.toContain(new URL(url ?? '').password);
  }
}

test('status shows the migration, and exits with 0 while all is well', async () => {
  const { code, shown } = await json('status');
  expect(code).toBe(0);
  expect(shown).toMatchObject({
    migration: at.migration.name,
    phase: 'legacy-only',
    backlog: { pending: 0, parked: 0 },
  });
  const text = await run('status');
  expect(text.code).toBe(0);
  expect(text.stdout).toContain('legacy-only');
});

test('what changes something is not done without a yes, nor in a dry run', async () => {
  const unasked = await json('advance');
  expect(unasked).toMatchObject({ code: 1, shown: { error: { code: 'InvalidInput' } } });
  expect(JSON.stringify(unasked.shown)).toContain('--yes');
  const dry = await json('advance', '--dry-run');
  expect(dry).toMatchObject({
    code: 0,
    shown: {
      dryRun: true,
      open: true,
      conditions: expect.arrayContaining([
        {
          name: 'reachable',
          met: true,
          measured: { reachable: true },
          forcible: false,
          remedy: null,
          wanted: expect.any(String),
        },
      ]),
      steps: [expect.stringContaining('dual-write')],
      statements: [],
    },
  });
  const back = await json('rollback', '--dry-run');
  expect(back).toMatchObject({ code: 4, shown: { dryRun: true, open: false, to: null } });
  expect(await json('reads', '--ramp', '--dry-run')).toMatchObject({
    code: 0,
    shown: { dryRun: true, would: expect.stringContaining('raise the share of reads by') },
  });
  const text = await run('reads', '10', '--dry-run');
  expect(text.code).toBe(4);
  expect(text.stdout).toMatch(/holds +reads +reads are shared/);
  expect(JSON.stringify(dry.shown)).toContain('from legacy-only to dual-write');
  expect((await json('status')).shown).toMatchObject({ phase: 'legacy-only' });
});

test('status and start say where the configuration differs from what runs, and apply makes it run', async () => {
  const applied = async (soakMs: number, ...args: string[]) => {
    const { environment } = at;
    const of = environmentOf({ ...at, environment });
    const policy = { ...at.migration.policy, soakMs };
    const { code, stdout } = await lockstep([...args, '--json'], {
      ...of,
      LOCKSTEP_TEST_POLICY: JSON.stringify(policy),
    });
    return { code, shown: JSON.parse(stdout) as Record<string, unknown> };
  };
  const differences = [{ setting: 'phases.soakMs', running: 0, configured: 5 }];
  expect(await applied(5, 'status')).toMatchObject({ code: 0, shown: { differences } });
  expect(await applied(5, 'start', '--yes')).toMatchObject({
    code: 1,
    shown: { error: { code: 'AlreadyRunning', measured: { differences: 1 } } },
  });
  expect(await applied(5, 'apply', '--dry-run')).toMatchObject({
    code: 0,
    shown: { dryRun: true, differences },
  });
  expect(await applied(5, 'apply')).toMatchObject({ code: 1, shown: { error: { code: 'InvalidInput' } } });
  expect(await applied(5, 'apply', '--yes')).toMatchObject({
    code: 0,
    shown: { applied: true, differences },
  });
  expect(await applied(5, 'apply', '--yes')).toMatchObject({
    code: 0,
    shown: { applied: false, differences: [] },
  });
  expect(await applied(0, 'apply', '--yes')).toMatchObject({ code: 0, shown: { applied: true } });
});

test('advance goes on, and a gate that refuses exits with 4 and says why', async () => {
  expect(await json('advance', '--yes')).toMatchObject({ code: 0, shown: { phase: 'dual-write' } });
  const why = ['--by', 'ada', '--reason', 'month end'];
  expect(await json('pause', '--yes', ...why)).toMatchObject({
    code: 0,
    shown: { paused: true, pausedBy: { by: 'ada', reason: 'month end' } },
  });
  expect((await run('status')).stdout).toContain('paused by ada, because: month end');
  expect(await json('advance', '--yes')).toMatchObject({
    code: 4,
    shown: { error: { code: 'GateRefused', gate: 'paused' } },
  });
  const text = await run('advance', '--yes');
  expect(text).toMatchObject({ code: 4, stdout: '' });
  expect(text.stderr).toContain('resume it first');
  expect(await json('resume', '--yes')).toMatchObject({ code: 0 });
});

test('a step waits for its window, which the status shows, and is cancelled', async () => {
  const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
  const { code, shown } = await json('advance', '--yes', '--by', 'ada', '--not-before', inAnHour);
  expect({ code, shown }).toMatchObject({
    code: 0,
    shown: { phase: 'legacy-only', planned: { step: 'advance', by: 'ada', notBefore: inAnHour } },
  });
  expect((await run('status')).stdout).toContain('waits for its time');
  expect(await json('advance', '--cancel', '--yes')).toMatchObject({ code: 0, shown: { planned: null } });
});

test.each([
  'reads 101',
  'reads many',
  'reads 5 --ramp',
  'reads',
  'rate 0',
  'validate --sample 0',
  'advance --force',
  'advance --window 25:00-26:00',
  'rollback --not-before soon',
])('%s is no value, and exits with 4', async (command) => {
  expect(await json(...command.split(' '), '--yes')).toMatchObject({
    code: 4,
    shown: { error: { code: 'InvalidInput', path: expect.any(String) } },
  });
});

test('parked writes are listed without their rows, shown, and decided about', async () => {
  await bringTo(at.lockstep, 'dual-write');
  const { operationId } = await at.lockstep
    .repository(account)
    .create(newAccount({ owner: 'nobody must read this', balance: refusedByModern }));
  await until('it is parked', async () => {
    return (await at.lockstep.control.writeStatus(operationId)).stage === 'parked';
  });
  const list = await json('writes', 'list');
  expect(list.code).toBe(2);
  expect(list.shown).toMatchObject([
    { id: operationId, status: 'parked', entity: 'account', store: 'legacy' },
  ]);
  const show = await json('writes', 'show', operationId);
  expect(show).toMatchObject({
    code: 2,
    shown: { operation: operationId, workflow: { stage: 'parked' }, journal: [{ status: 'parked' }] },
  });
  for (const { stdout } of [await run('writes', 'list'), await run('writes', 'show', operationId)]) {
    expect(stdout).toContain('accounts_limit');
    expect(stdout).not.toContain('nobody must read this');
  }
  expect(JSON.stringify([list.shown, show.shown])).not.toContain('nobody must read this');
  expect((await json('status')).code).toBe(2);

  expect((await json('writes', 'discard', operationId, '--yes')).code).toBe(0);
  await until('nothing is pending', async () => (await run('writes', 'list')).code === 0);
});

test('the status of a migration that owes something, or differs, exits with 2', async () => {
  await bringTo(at.lockstep, 'dual-write');
  expect((await json('status')).code).toBe(0);
  at.faults.modern.write = async () => {
    throw new LockstepError('StoreUnavailable', 'it takes nothing, for a test');
  };
  await at.lockstep.repository(account).create(newAccount());
  expect(await json('status')).toMatchObject({ code: 2, shown: { backlog: { pending: 1, parked: 0 } } });
  await at.restore();
  await until('nothing is owed', async () => (await json('status')).code === 0);
  const differing = { entity: 'account', key: ['7'], verdict: 'missing', reason: 'for a test' } as const;
  await at.stores.legacy.recordDifferences(at.migration.name, [differing]);
  try {
    expect(await json('status')).toMatchObject({ code: 2, shown: { faults: { differences: 1 } } });
  } finally {
    await at.stores.legacy.resolveDifferences(at.migration.name, 'account', [differing.key]);
  }
});

test.each([
  ['writes', 'show'],
  ['writes', 'retry', '--yes'],
  ['writes', 'discard', '--yes'],
  ['writes', 'compensate', '--yes'],
  ['journal', 'show'],
  ['journal', 'retry', '--yes', '--operation'],
])('%s %s %s of an operation that nobody knows is an error', async (...command) => {
  const { code, shown } = await json(...command, 'no-such-operation');
  expect({ code, shown }).toMatchObject({ code: 1, shown: { error: { code: 'UnknownOperation' } } });
});

test('a configuration that is missing, or is none, exits with 3', async () => {
  for (const config of [
    'no-such.config.ts',
    fixtureConfig.replace('cli/lockstep.config.ts', 'support/policy.ts'),
  ]) {
    const { code, stderr, stdout } = await run('status', '--config', config);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toContain('InvalidDefinition');
  }
});

test('a database that is down at the start is named with host and port', async () => {
  const { hostname, port } = new URL(at.environment.LOCKSTEP_LEGACY_URL ?? '');
  await at.proxies.legacy.cut();
  const { code, shown } = await json('status');
  // What Temporal knows is told all the same, and a pause is taken.
  expect({ code, shown }).toMatchObject({ code: 1, shown: { phase: 'legacy-only' } });
  expect(JSON.stringify(shown.problems)).toContain(`legacy store at ${hostname}:${port}`);
  expect(await json('pause', '--yes')).toMatchObject({ code: 0, shown: { paused: true } });
  expect(await json('prepare', '--yes')).toMatchObject({
    code: 3,
    shown: { error: { code: 'StoreUnavailable', store: 'legacy' } },
  });
});

test('a Temporal that is down is named with its address and the remedy', async () => {
  const { code, stdout } = await lockstep(['status', '--json'], {
    ...environmentOf(at),
    TEMPORAL_ADDRESS: '127.0.0.1:1',
  });
  expect(code).toBe(3);
  expect(stdout).toContain('127.0.0.1:1');
  expect(stdout).toContain('lockstep dev up');
});

test('a connection string that is missing or wrong is told without repeating it', async () => {
  const { LOCKSTEP_MODERN_URL: _, ...without } = environmentOf(at);
  const missing = await lockstep(['status', '--json'], without);
  expect(missing.code).toBe(3);
  expect(missing.stdout).toContain('LOCKSTEP_MODERN_URL is not set');
  for (const url of ['root:hidden@127.0.0.1/shop', 'oracle://root:hidden@127.0.0.1/shop']) {
    const wrong = await lockstep(['status'], { ...without, LOCKSTEP_MODERN_URL: url });
    expect(wrong.code).toBe(3);
    expect(wrong.stderr).toContain('LOCKSTEP_MODERN_URL');
    expect(wrong.stderr + wrong.stdout).not.toContain('hidden');
  }
});

test('a wrong password is told without repeating it', async () => {
  const url = new URL(at.environment.LOCKSTEP_MODERN_URL ?? '');
  url.password = 'guessed-and-wrong';
  const { code, stdout, stderr } = await lockstep(['prepare', '--yes', '--json'], {
    ...environmentOf(at),
    LOCKSTEP_MODERN_URL: url.href,
  });
  expect(code).not.toBe(0);
  expect(stdout).toContain('modern');
  expect(stdout + stderr).not.toContain('guessed-and-wrong');
});
