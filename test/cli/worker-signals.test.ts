import { expect, test } from 'vitest';
import { account, newAccount } from '../support/accounts.ts';
import { connectAndStart, fixture } from '../support/harness.ts';
import { environmentOf, workerProcess } from '../support/process.ts';
import { until } from '../support/until.ts';

// As npm and npx pass on what a terminal has sent already.
test('a second signal does not end a worker that drains', async () => {
  await using at = await fixture();
  const worker = await workerProcess(environmentOf(at));
  const lockstep = await connectAndStart(at);
  const accounts = lockstep.repository(account);
  const held = newAccount();
  await accounts.create(held);
  const holder = await at.another('legacy');
  await holder.rows('BEGIN');
  await holder.rows(`SELECT id FROM accounts WHERE id = ${held.id} FOR UPDATE`);
  const writing = accounts.update(held.id, { owner: 'drained' }, { timeoutMs: 240_000 });
  await holder.waiting();

  const code = worker.stop();
  await until('it drains', async () => worker.log().includes('"DRAINING"'));
  void worker.stop();
  await until('it has heard again', async () => worker.log().includes('stopping: what runs'));
  await holder.rows('ROLLBACK');
  expect(await code).toBe(0);
  expect(worker.log()).toContain('worker stopped');
  const [row] = await holder.rows(`SELECT owner FROM accounts WHERE id = ${held.id}`);
  expect(row).toMatchObject({ owner: 'drained' });

  const next = await workerProcess(environmentOf(at));
  await writing;
  await next.stop();
});
