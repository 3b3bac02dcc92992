import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { writeWorkflowId } from '../../workflows/messages.ts';
import { account, newAccount, refusedByModern } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { entryIn } from '../support/inspect.ts';
import { environmentOf, lockstep } from '../support/process.ts';
import { until } from '../support/until.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
});
beforeEach(async () => {
  await at.sql.legacy('DELETE FROM lockstep_operations');
  await at.sql.modern('DELETE FROM lockstep.operations');
});
afterAll(() => at?.[Symbol.asyncDispose]());

const secret = 'nobody must read this';
const run = (...args: string[]) => lockstep(args, environmentOf(at));

async function json(...args: string[]) {
  const { code, stdout, stderr } = await run(...args, '--json');
  expect(stdout + stderr).not.toContain(secret);
  expect(stdout.trim().split('\n')).toHaveLength(1);
  return { code, shown: JSON.parse(stdout) as unknown };
}

test('an empty journal is told, and exits with 0', async () => {
  expect(await json('journal', 'list')).toEqual({ code: 0, shown: [] });
  expect((await run('journal', 'list')).stdout).toContain('no operations');
});

test('operations are listed, the newest first, without their rows; what is parked exits with 2 until it is retried', async () => {
  const accounts = at.lockstep.repository(account);
  const value = newAccount({ owner: secret });
  const { operationId: done } = await accounts.create(value, { ack: 'both' });
  const { operationId: refused } = await accounts.create(value, { operationId: 'again' }).catch(() => ({
    operationId: 'again',
  }));
  expect(await json('journal', 'list')).toMatchObject({
    code: 0,
    shown: [
      { id: refused, status: 'failed', failure: 'AlreadyExists' },
      { id: done, status: 'completed', attempts: 1, failure: null, entity: 'account', store: 'legacy' },
    ],
  });

  const { operationId } = await accounts.create(newAccount({ owner: secret, balance: refusedByModern }));
  await until('it is parked', async () => (await entryIn(at, 'legacy', operationId))?.status === 'parked');
  const parked = { id: operationId, status: 'parked', attempts: 1, failure: 'StoreRefused' };
  const list = await json('journal', 'list', '--status', 'parked', '--status', 'pending');
  expect(list).toMatchObject({ code: 2, shown: [parked] });
  expect(JSON.stringify(list.shown)).not.toMatch(/"key"|"before"/);
  expect((await json('journal', 'list', '--limit', '1')).shown).toMatchObject([parked]);
  expect(await json('journal', 'show', operationId)).toMatchObject({ code: 2, shown: { journal: [parked] } });
  expect(await json('journal', 'show', done)).toMatchObject({ code: 0, shown: { operation: done } });
  const text = await run('journal', 'show', operationId);
  for (const told of ['parked', 'StoreRefused', 'accounts_limit', 'create account'])
    expect(text.stdout).toContain(told);

  expect(await json('journal', 'retry', '--parked')).toMatchObject({
    code: 1,
    shown: { error: { code: 'InvalidInput' } },
  });
  const dry = await json('journal', 'retry', '--parked', '--dry-run');
  expect(dry).toMatchObject({ code: 0, shown: { would: 'retry 0 pending and 1 parked operations' } });
  expect(await json('journal', 'retry', '--yes')).toMatchObject({
    code: 2,
    shown: { completed: 0, failed: 0 },
  });
  expect(await json('journal', 'retry', '--parked', '--yes')).toMatchObject({
    code: 2,
    shown: { completed: 0, failed: 1, backlog: { parked: 1 } },
  });
  await at.sql.modern('ALTER TABLE accounts DROP CONSTRAINT accounts_limit');
  const only = ['--operation', operationId, '--parked', '--yes'];
  expect(await json('journal', 'retry', ...only)).toMatchObject({
    code: 0,
    shown: { completed: 1, failed: 0, notified: 1, stopped: null, backlog: { pending: 0, parked: 0 } },
  });
  expect((await json('journal', 'list', '--status', 'parked')).code).toBe(0);
});

test('a decision about a write whose workflow is gone points to the journal', async () => {
  await at.proxies.modern.cut();
  const { operationId } = await at.lockstep.repository(account).create(newAccount());
  const workflow = at.temporal.workflow.getHandle(writeWorkflowId(at.migration.name, operationId));
  await workflow.terminate('lost');
  // What is pending can be seen while the store that it is pending to is unavailable; what is not there may be in the
  // other.
  expect(await json('journal', 'list', '--status', 'pending')).toMatchObject({
    code: 2,
    shown: [{ id: operationId }],
  });
  expect(await json('journal', 'show', 'no-such-operation')).toMatchObject({
    code: 3,
    shown: { error: { code: 'StoreUnavailable', store: 'modern' } },
  });
  expect(await json('journal', 'retry', '--yes')).toMatchObject({
    code: 2,
    shown: { completed: 0, stopped: expect.stringContaining('modern store'), backlog: { pending: 1 } },
  });
  await at.proxies.modern.restore();
  const refused = await json('writes', 'retry', operationId, '--yes');
  expect(refused).toMatchObject({ code: 1, shown: { error: { code: 'NotRunning' } } });
  expect(JSON.stringify(refused.shown)).toContain(
    `lockstep journal retry --parked --operation ${operationId}`,
  );
  expect((await json('journal', 'retry', '--yes')).code).toBe(0);
});

test.each([
  ['journal', 'list', '--status', 'forgotten'],
  ['journal', 'list', '--limit', 'many'],
  ['journal', 'retry', '--yes', '--older-than', '-1'],
])('%s %s %s %s is refused', async (...command) => {
  const { code, stderr } = await run(...command);
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/completed|whole number/);
});
