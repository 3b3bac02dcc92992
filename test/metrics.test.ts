import { afterAll, beforeAll, expect, test } from 'vitest';
import { metricTable } from '../activities/metric-table.ts';
import { account, newAccount, refusedByModern } from './support/accounts.ts';
import type { Connected } from './support/connect-both.ts';
import { freePort } from './support/free-port.ts';
import { advanceTo, connectAndStart, type Fixture, fixture } from './support/harness.ts';
import { drained } from './support/inspect.ts';
import { environmentOf, type WorkerProcess, workerProcess } from './support/process.ts';
import { promtool } from './support/promtool.ts';
import { until } from './support/until.ts';

let at: Fixture;
let lockstep: Connected;
let worker: WorkerProcess;
let address: string;
beforeAll(async () => {
  at = await fixture({ postWriteValidation: { share: 1, delayMs: 0 } });
  address = `127.0.0.1:${await freePort()}`;
  worker = await workerProcess(environmentOf(at), ['--metrics', address]);
  lockstep = await connectAndStart(at);
  await advanceTo(lockstep, 'dual-write');
});
afterAll(async () => {
  await worker?.stop();
  await at?.[Symbol.asyncDispose]();
});

async function scraped(): Promise<string> {
  return await (await fetch(`http://${address}/metrics`)).text();
}

/** The sum of a metric's series that have all of the labels. */
async function metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
  const wanted = Object.entries({ migration: at.migration.name, ...labels }).map(
    ([key, value]) => `${key}="${value}"`,
  );
  return (await scraped())
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

const byAccount = { entity: 'account', pattern: 'primary-secondary' };

test('writes are counted and timed by store, and once each', async () => {
  const accounts = lockstep.repository(account);
  const before = await metric('dual_write_success_total', byAccount);
  for (let turn = 0; turn < 5; turn++) await accounts.create(newAccount(), { ack: 'both' });
  expect((await metric('dual_write_success_total', byAccount)) - before).toBe(5);
  expect(
    await metric('dual_write_latency_seconds_count', { ...byAccount, store: 'legacy' }),
  ).toBeGreaterThanOrEqual(5);
  expect(
    await metric('dual_write_latency_seconds_count', { ...byAccount, store: 'modern' }),
  ).toBeGreaterThanOrEqual(5);
  expect(await metric('dual_write_overhead_seconds_count', byAccount)).toBeGreaterThanOrEqual(5);
  expect(await metric('dual_write_overhead_seconds_sum', byAccount)).toBeGreaterThan(0);
  const buckets = (await scraped())
    .split('\n')
    .filter((line) => line.startsWith('dual_write_overhead_seconds_bucket'));
  expect(buckets.map((line) => /le="([^"]+)"/.exec(line)?.[1])).toContain('300');
});

test('a refusal is counted for the store and with its reason', async () => {
  const accounts = lockstep.repository(account);
  const value = newAccount();
  await accounts.create(value, { ack: 'both' });
  await expect(accounts.create(value)).rejects.toMatchObject({ code: 'AlreadyExists' });
  expect(
    await metric('dual_write_failure_total', { ...byAccount, store: 'legacy', reason: 'AlreadyExists' }),
  ).toBe(1);
});

test('a store that is unavailable is counted, with the tries that it costs, and what it is pending', async () => {
  await at.proxies.modern.cut();
  await lockstep.repository(account).create(newAccount());
  const away = { ...byAccount, store: 'modern', reason: 'StoreUnavailable' };
  await until('tries have failed', async () => (await metric('dual_write_failure_total', away)) >= 2);
  await until('it is gauged', async () => (await metric('dual_write_pending', { store: 'legacy' })) === 1);
  await until(
    'it ages',
    async () => (await metric('dual_write_pending_age_seconds', { store: 'legacy' })) > 0,
  );
  expect(await metric('dual_write_retry_total', { ...byAccount, store: 'modern' })).toBeGreaterThanOrEqual(1);
  await at.proxies.modern.restore();
  await drained(at);
  await until(
    'nothing is pending',
    async () => (await metric('dual_write_pending', { store: 'legacy' })) === 0,
  );
});

test('parked writes are gauged with the age of the oldest', async () => {
  const { operationId } = await lockstep.repository(account).create(newAccount({ balance: refusedByModern }));
  await until('it is gauged', async () => (await metric('dual_write_parked', { store: 'legacy' })) === 1);
  await until(
    'it ages',
    async () => (await metric('dual_write_parked_age_seconds', { store: 'legacy' })) > 0,
  );
  expect(
    await metric('dual_write_failure_total', { ...byAccount, store: 'modern', reason: 'StoreRefused' }),
  ).toBe(1);
  await lockstep.control.resolve(operationId, 'discard');
  await until(
    'nothing is parked',
    async () => (await metric('dual_write_parked', { store: 'legacy' })) === 0,
  );
});

test('writes that are read back are counted by verdict and store', async () => {
  const accounts = lockstep.repository(account);
  const intact = { entity: 'account', verdict: 'intact', store: 'none' };
  const before = await metric('post_write_validation_total', intact);
  for (let turn = 0; turn < 5; turn++) await accounts.create(newAccount(), { ack: 'both' });
  await until(
    'the writes are read back',
    async () => (await metric('post_write_validation_total', intact)) >= before + 5,
  );
  expect(await metric('post_write_validation_total', { entity: 'account', verdict: 'mismatch' })).toBe(0);
});

test('no metric carries a key or a value', async () => {
  const value = newAccount({ owner: 'nobody must read this' });
  await lockstep.repository(account).create(value, { ack: 'both' });
  const text = await scraped();
  expect(text).not.toContain(String(value.id));
  expect(text).not.toContain(value.owner);
});

test('a workflow that is replayed counts nothing again', async () => {
  const before = await metric('dual_write_success_total', byAccount);
  const { operationId } = await lockstep.repository(account).create(newAccount(), { ack: 'both' });
  // A query of a closed workflow runs its whole history again.
  for (let turn = 0; turn < 3; turn++) await lockstep.control.writeStatus(operationId);
  expect((await metric('dual_write_success_total', byAccount)) - before).toBe(1);
});

test('a migration that is overdue is gauged until its deadline is moved', async () => {
  const overdue = () => metric('migration_overdue');
  await lockstep.control.setDeadline(new Date(Date.now() - 1_000).toISOString());
  await until('it is gauged', async () => (await overdue()) === 1);
  await lockstep.control.setDeadline('2100-01-01T00:00:00Z');
  await until('it is gauged no more', async () => (await overdue()) === 0);
});

test('the phase, differences and evidence are gauged', async () => {
  await until('the phase is', async () => (await metric('migration_phase', { phase: 'dual-write' })) === 1);
  expect(await metric('migration_phase')).toBe(1);
  const differ = { entity: 'account', verdict: 'missing' };
  expect(await metric('migration_differences', differ)).toBe(0);
  await at.stores.legacy.recordDifferences(at.migration.name, [
    { entity: 'account', key: ['7'], verdict: 'missing', reason: 'for a test' },
  ]);
  await until('a difference is', async () => (await metric('migration_differences', differ)) === 1);
  await at.stores.legacy.resolveDifferences(at.migration.name, 'account', [['7']]);
  await until('it is no more', async () => (await metric('migration_differences', differ)) === 0);
  expect(await metric('migration_evidence_age_seconds')).toBeNaN();
});

/** What is there in every migration; the others need transactions, or shared reads. */
const notHere = ['dual_write_in_doubt', 'migration_read', 'migration_shadow'];

test('what is served is what the table says, and as promtool has it', async ({ skip }) => {
  // What is counted is served from the first time on.
  await at.proxies.modern.cut();
  await lockstep.repository(account).create(newAccount());
  const atModern = { ...byAccount, store: 'modern' };
  await until('a try has failed', async () => (await metric('dual_write_failure_total', atModern)) > 0);
  await until('it is tried again', async () => (await metric('dual_write_retry_total', atModern)) > 0);
  await at.proxies.modern.restore();
  await drained(at);
  await lockstep.repository(account).create(newAccount(), { ack: 'both' });
  await until('it is read back', async () => (await metric('post_write_validation_total')) > 0);
  await until('the workflow was asked', async () => (await scraped()).includes('migration_overdue{'));
  const own = (await scraped())
    .split('\n')
    .filter((line) => /^(?:# (?:HELP|TYPE) )?(?:dual_write|post_write|migration)_/.test(line));
  const types = new Map(
    own.flatMap((line) => {
      const [, name, kind] = /^# TYPE (\w+) (\w+)$/.exec(line) ?? [];
      return name && kind ? [[name, kind] as const] : [];
    }),
  );
  for (const [name, { kind, labels }] of Object.entries(metricTable)) {
    if (notHere.some((prefix) => name.startsWith(prefix))) continue;
    expect({ name, kind: types.get(name) }).toEqual({ name, kind });
    const series = own.filter((line) => new RegExp(`^${name}(?:_bucket)?[{]`).test(line));
    const shown = new Set(
      series.flatMap((line) => [...line.matchAll(/[{,](\w+)="/g)].map(([, label = '']) => label)),
    );
    // Added by the exporter, and by a histogram.
    for (const others of ['service_name', 'le']) shown.delete(others);
    expect({ name, labels: [...shown].sort() }).toEqual({ name, labels: ['migration', ...labels].sort() });
  }
  for (const name of types.keys()) expect(Object.keys(metricTable)).toContain(name);
  const tool = await promtool();
  if ('unavailable' in tool) return skip(tool.unavailable);
  expect(tool(['check', 'metrics'], `${own.join('\n')}\n`)).toEqual({ ok: true, said: '' });
});
