import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CheckResult } from '../../client/operator/doctor.ts';
import { type Fixture, fixture } from '../support/harness.ts';
import { environmentOf, lockstep } from '../support/process.ts';
import { transactionalFixture } from '../support/transactions.ts';

const config = fileURLToPath(new URL('./bound.config.ts', import.meta.url));

let at: Fixture;
beforeAll(async () => {
  at = await fixture(transactionalFixture);
});
afterAll(() => at?.[Symbol.asyncDispose]());

const run = (...args: string[]) => lockstep([...args, '--config', config], environmentOf(at));

async function doctor(environment: NodeJS.ProcessEnv = {}) {
  const { code, stdout } = await lockstep(['doctor', '--json', '--config', config], {
    ...environmentOf(at),
    ...environment,
  });
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: CheckResult[] };
  return { code, ok, wrong: findings.filter((finding) => !finding.ok), findings, stdout };
}

test('finds nothing wrong where all is well', async () => {
  const { code, ok, wrong, findings, stdout } = await doctor();
  expect(wrong).toEqual([]);
  expect({ code, ok }).toEqual({ code: 0, ok: true });
  for (const about of ['legacy', 'modern']) {
    expect(findings).toContainEqual(
      expect.objectContaining({ about, check: 'transactions over both stores', ok: true }),
    );
  }
  expect(stdout).not.toContain(new URL(at.environment.LOCKSTEP_LEGACY_URL ?? '').password);
});

test('tells every fault with its remedy, and goes on behind it', async () => {
  await at.sql.legacy('ALTER TABLE bound ENGINE = MyISAM');
  await at.sql.modern('DROP FUNCTION lockstep.write_bound');
  try {
    const { code, wrong } = await doctor({ TEMPORAL_ADDRESS: '127.0.0.1:1' });
    expect(code).toBe(3);
    expect(wrong).toEqual([
      ...['prepared', 'tables and entities'].map((check) =>
        expect.objectContaining({
          about: 'legacy',
          check,
          found: expect.stringContaining('ENGINE = InnoDB'),
        }),
      ),
      expect.objectContaining({
        about: 'modern',
        check: 'prepared',
        found: expect.stringContaining('run lockstep prepare'),
      }),
      expect.objectContaining({ about: 'temporal', found: expect.stringContaining('127.0.0.1:1') }),
    ]);
  } finally {
    await at.sql.legacy('ALTER TABLE bound ENGINE = InnoDB');
    await at.stores.modern.prepare();
  }
});

test('says which migrations of the control tables prepare would apply, and in which store', async () => {
  await at.sql.legacy('DROP TABLE lockstep_migrations');
  try {
    const { code, wrong } = await doctor();
    expect(code).toBe(3);
    expect(wrong).toEqual([
      expect.objectContaining({
        about: 'legacy',
        check: 'prepared',
        found: expect.stringMatching(
          /at version 0, and this program needs version \d+; it lacks 001-control-tables.*; run lockstep prepare/,
        ),
      }),
    ]);
    const dry = await run('prepare', '--dry-run', '--json');
    expect(JSON.parse(dry.stdout)).toEqual({
      dryRun: true,
      legacy: expect.arrayContaining([expect.stringContaining('-- 001-control-tables')]),
      modern: [],
    });
  } finally {
    expect(await run('prepare', '--yes')).toMatchObject({ code: 0 });
  }
  expect((await doctor()).wrong).toEqual([]);
});

test('a store that a newer program prepared is refused by every way in', async () => {
  await at.sql.modern(`INSERT INTO lockstep.migrations VALUES (999, '999-later', 1, now())`);
  try {
    const { code, wrong } = await doctor();
    expect(code).toBe(3);
    expect(wrong).toEqual([
      expect.objectContaining({
        about: 'modern',
        check: 'prepared',
        found: expect.stringMatching(
          /newer Lockstep prepared it: .* at version 999, .*; upgrade this program/,
        ),
      }),
    ]);
    for (const command of [['prepare', '--yes'], ['status'], ['worker']]) {
      const { code: refused, stdout, stderr } = await run(...command);
      expect({ command, refused, said: stdout + stderr }).toEqual({
        command,
        refused: 3,
        said: expect.stringContaining('upgrade this program'),
      });
    }
  } finally {
    await at.sql.modern('DELETE FROM lockstep.migrations WHERE version = 999');
  }
});

test('says that a store is unavailable, and shows lines to people', async () => {
  await at.proxies.modern.cut();
  const shown = await lockstep(['doctor', '--config', config], environmentOf(at));
  expect(shown.code).toBe(3);
  expect(shown.stdout).toMatch(/✗ modern\s+reachable: the modern store/);
  expect(shown.stdout).toMatch(/✓ legacy\s+prepared/);
});

test('sees a setting that would lose acknowledged writes', async () => {
  const database = await nameOf('modern');
  await at.sql.modern(`ALTER DATABASE ${database} SET synchronous_commit = off`);
  try {
    expect((await doctor()).wrong).toEqual([
      expect.objectContaining({ about: 'modern', check: 'synchronous_commit' }),
    ]);
  } finally {
    await at.sql.modern(`ALTER DATABASE ${database} RESET synchronous_commit`);
  }
});

async function nameOf(store: 'modern'): Promise<string> {
  const [row] = await at.sql[store]('SELECT current_database() AS name');
  return row?.name ?? '';
}
