import { afterAll, beforeAll, expect, test } from 'vitest';
import { account, newAccount } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, rowsOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
});
afterAll(() => at?.[Symbol.asyncDispose]());

const emailsOf = async (id: number) => (await rowsOf(at, 'accounts', id)).map((row) => row?.email);

test('a unique value that moves from one key to another gets through, whichever write comes first', async () => {
  const accounts = at.lockstep.repository(account);
  const left = newAccount({ email: 'moves@example.org' });
  const right = newAccount();
  await accounts.create(left, { ack: 'both' });
  await accounts.create(right, { ack: 'both' });
  await at.proxies.modern.cut();
  await accounts.update(left.id, { email: null });
  await accounts.update(right.id, { email: 'moves@example.org' });
  await at.proxies.modern.restore();
  await drained(at);
  expect(await emailsOf(left.id)).toEqual([null, null]);
  expect(await emailsOf(right.id)).toEqual(['moves@example.org', 'moves@example.org']);
});

test('two keys that swapped a unique value while the secondary was unavailable wait for a person', async () => {
  const accounts = at.lockstep.repository(account);
  const { control } = at.lockstep;
  const left = newAccount({ email: 'left@example.org' });
  const right = newAccount({ email: 'right@example.org' });
  await accounts.create(left, { ack: 'both' });
  await accounts.create(right, { ack: 'both' });
  await at.proxies.modern.cut();
  await accounts.update(left.id, { email: null });
  await accounts.update(right.id, { email: 'left@example.org' });
  await accounts.update(left.id, { email: 'right@example.org' });
  await at.proxies.modern.restore();
  await drained(at);
  const parked = await at.lockstep.journal.list({ statuses: ['parked'], limit: 10 });
  for (const { reason } of parked) expect(reason).toContain('accounts_email');

  // Each row is in the other's way, so one of them has to step aside for a moment.
  await accounts.update(left.id, { email: null }, { ack: 'both' });
  for (const { id } of parked) await control.resolve(id, 'retry');
  await accounts.update(left.id, { email: 'right@example.org' });
  await until('nothing is pending', async () => {
    const { pending, parked: waiting } = await at.stores.legacy.journalBacklog(at.migration.name);
    return pending + waiting === 0;
  });
  expect(await emailsOf(left.id)).toEqual(['right@example.org', 'right@example.org']);
  expect(await emailsOf(right.id)).toEqual(['left@example.org', 'left@example.org']);
});
