import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newAccount, twin } from '../support/accounts.ts';
import { bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { rowsOf, versionsOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';

describe.each(['mysql', 'postgresql'] as const)('with legacy on %s', (from) => {
  let at: RunningMigration;
  beforeAll(async () => {
    at = await runningMigration('switch-reads', { from });
    await at.lockstep.control.setReadPercent(100);
  });
  afterAll(() => at?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    await bringTo(at.lockstep, 'switch-reads');
    await at.lockstep.control.setReadPercent(100);
  });

  test('a create that the primary refuses while the primary changes leaves the acknowledged row', async () => {
    const twins = at.lockstep.repository(twin);
    const value = newAccount();
    const { version } = await twins.create(value);
    const records = from === 'mysql' ? 'lockstep_records' : 'lockstep.records';
    const holder = await at.another('legacy');
    const watcher = await at.another('legacy');
    await holder.rows('BEGIN');
    await holder.rows(
      `SELECT 1 FROM ${records} WHERE entity = 'twin' AND record_key = '["${value.id}"]' FOR UPDATE`,
    );
    const answer = twins
      .create({ ...value, owner: 'refused' }, { operationId: `refused-${value.id}` })
      .catch((error: unknown) => error);
    await until(
      'the secondary has it',
      async () => (await rowsOf(at, 'twins', value.id))[1]?.owner === 'refused',
    );
    await watcher.waiting();
    const changing = at.lockstep.control.send('advance');
    await watcher.waiting(2);
    await holder.rows('COMMIT');
    expect((await changing).primary).toBe('modern');
    expect(await answer).toMatchObject({ code: 'AlreadyExists' });
    for (const row of await rowsOf(at, 'twins', value.id)) expect(row).toMatchObject({ owner: value.owner });
    const [legacy, modern] = await versionsOf(at, twin, value.id);
    expect(legacy).toBe(modern);
    expect(BigInt(legacy ?? 0)).toBeGreaterThan(BigInt(version ?? 0));
  });
});
