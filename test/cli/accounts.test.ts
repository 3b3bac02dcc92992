import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Fixture, fixture } from '../support/harness.ts';
import { environmentOf, lockstep } from '../support/process.ts';

let at: Fixture;
beforeAll(async () => {
  at = await fixture();
});
afterAll(() => at?.[Symbol.asyncDispose]());

const run = (args: readonly string[], environment: NodeJS.ProcessEnv = {}) =>
  lockstep(args, { ...environmentOf(at), ...environment });

test('prepare --grants prints SQL for each store and role, and changes nothing', async () => {
  const { code, stdout } = await run(['prepare', '--grants']);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /-- legacy, worker: .*\nGRANT SELECT, INSERT, UPDATE, DELETE ON .*accounts` TO 'lockstep_worker'@'%';/,
  );
  expect(stdout).toMatch(
    /-- modern, reader: .*\n(GRANT (?:CONNECT|USAGE) .*;\n)+GRANT SELECT ON "public"."accounts" TO "lockstep_reader";/,
  );
  expect(stdout).not.toContain(new URL(at.environment.LOCKSTEP_MODERN_URL ?? '').password);
  const { stdout: json } = await run(['prepare', '--grants', '--json']);
  expect(Object.keys(JSON.parse(json).modern)).toEqual([
    'prepare',
    'worker',
    'service',
    'touch',
    'reader',
    'decommission',
  ]);
});

test('doctor tries the rights of the role that it is asked for, and names a missing one', async () => {
  const name = `reader_${randomBytes(4).toString('hex')}`;
  await at.sql.modern(`CREATE ROLE "${name}" LOGIN PASSWORD 'invented'`);
  try {
    await at.sql.modern(`GRANT USAGE ON SCHEMA lockstep TO "${name}"`);
    await at.sql.modern(`GRANT SELECT ON ALL TABLES IN SCHEMA lockstep, public TO "${name}"`);
    const url = new URL(at.environment.LOCKSTEP_MODERN_URL ?? '');
    url.username = name;
    url.password = 'invented';
    const environment = { LOCKSTEP_MODERN_URL: url.href };
    const worker = await run(['doctor', '--json'], environment);
    expect(worker.code).toBe(3);
    expect(JSON.parse(worker.stdout).findings).toContainEqual(
      expect.objectContaining({
        about: 'modern',
        check: 'rights of a worker',
        ok: false,
        found: expect.stringMatching(/lacks .*INSERT on lockstep\.records.*prepare --grants/),
      }),
    );
    const reader = await run(['doctor', '--as', 'reader', '--json'], environment);
    expect(JSON.parse(reader.stdout).findings).toContainEqual(
      expect.objectContaining({ about: 'modern', check: 'rights of a reader', ok: true }),
    );
  } finally {
    await at.sql.modern(`DROP OWNED BY "${name}"`);
    await at.sql.modern(`DROP ROLE "${name}"`);
  }
});

test.each([
  [{}, 'LOCKSTEP_ENCRYPTION_KEY is not set'],
  [{ LOCKSTEP_ENCRYPTION_KEY: randomBytes(32).toString('base64') }, 'LOCKSTEP_CODEC_TOKEN must be set'],
])('codec says what it lacks: %#', async (environment, reason) => {
  const { code, stderr } = await run(['codec', '--origin', 'https://temporal.example'], environment);
  expect(code).not.toBe(0);
  expect(stderr).toContain(reason);
});

test('a key that is wrong is told of by every command, and not as an absent Temporal', async () => {
  const { code, stdout, stderr } = await run(['status'], { LOCKSTEP_ENCRYPTION_KEY: '' });
  expect(code).toBe(3);
  expect(stdout + stderr).toContain('an empty key');
  expect(stdout + stderr).not.toContain('does not answer');
});
