import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Finding } from '../../client/operator/doctor.ts';
import { type Scene, scene } from '../support/harness.ts';
import { environmentOf, lockstep } from '../support/process.ts';
import { boundScene } from '../support/transactions.ts';

const config = fileURLToPath(new URL('./bound.config.ts', import.meta.url));

let at: Scene;
beforeAll(async () => {
  at = await scene(boundScene);
});
afterAll(() => at?.[Symbol.asyncDispose]());

async function doctor(environment: NodeJS.ProcessEnv = {}) {
  const { code, stdout } = await lockstep(['doctor', '--json', '--config', config], {
    ...environmentOf(at),
    ...environment,
  });
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
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
      expect.objectContaining({
        about: 'legacy',
        check: 'transactions over both stores',
        found: expect.stringContaining('ENGINE = InnoDB'),
      }),
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

test('names control tables and columns that an older version has not made, and prepare makes them', async () => {
  await at.sql.legacy('DROP TABLE lockstep_captured');
  await at.sql.legacy('ALTER TABLE lockstep_records DROP COLUMN digest');
  await at.sql.modern('DROP TABLE lockstep.differences');
  await at.sql.modern('ALTER TABLE lockstep.decisions DROP COLUMN decision CASCADE');
  const { code, wrong } = await doctor();
  expect(code).toBe(3);
  expect(wrong).toEqual([
    expect.objectContaining({
      about: 'legacy',
      check: 'prepared',
      found: expect.stringMatching(
        /it lacks lockstep_captured, lockstep_records\.digest; run lockstep prepare/,
      ),
    }),
    expect.objectContaining({
      about: 'modern',
      check: 'prepared',
      found: expect.stringMatching(
        /it lacks lockstep\.differences, lockstep\.decisions\.decision; run lockstep prepare/,
      ),
    }),
  ]);
  const prepared = await lockstep(['prepare', '--yes', '--json', '--config', config], environmentOf(at));
  expect(prepared.code).toBe(0);
  expect((await doctor()).wrong).toEqual([]);
});

test('says that a store is away, and shows lines to people', async () => {
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
