import { expect, test } from 'vitest';
import { type Phase, phases, routes } from '../../model/phase.ts';
import { account, newAccount } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { rowIn, tableOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';
import { expectedRows, write } from '../support/writers.ts';

async function pass(at: RunningMigration, phase: Phase) {
  const { control } = at.lockstep;
  const status = await control.send(phase === 'decommissioned' ? 'decommission' : 'advance');
  expect(status).toMatchObject({ phase, ...pick(phase), busy: null, lastFailure: null });
  for (const store of [at.stores.legacy, at.stores.modern]) {
    const state = await store.readState(at.migration.name);
    expect(state).toMatchObject({ phase, epoch: status.epoch, open: true });
  }
  return status;
}

function pick(phase: Phase) {
  const { primary, secondary } = routes[phase];
  return { primary, secondary };
}

test('every phase, under writers that never pause, until legacy is dropped after the time of grace', async () => {
  await using at = await runningMigration('legacy-only', { phases: { dropLegacyAfterMs: 1_000 } });
  for (let id = 1; id <= 50; id++)
    await at.sql.legacy(`INSERT INTO accounts VALUES (${id}, 'old ${id}', NULL, 5.00)`);
  const { control } = at.lockstep;
  const writers = write(at.lockstep.repository(account));
  const epochs = [(await control.status()).epoch];
  for (const phase of phases.slice(1, -1)) {
    const before = writers.acknowledged();
    const { epoch } = await pass(at, phase);
    expect(epoch).toBeGreaterThanOrEqual(epochs.at(-1) ?? 0);
    epochs.push(epoch);
    if (phase === 'backfill') {
      await until('the backfill is done', async () => (await control.status()).backfill?.done);
    }
    if (phase === 'validate') {
      const { evidence } = await until('there is evidence', async () => {
        const status = await control.status();
        return status.evidence && status;
      });
      expect(evidence).toMatchObject({ differences: 0, mode: 'sample' });
    }
    if (phase === 'switch-reads') await control.setReadPercent(100);
    await until('the writers went on', async () => writers.acknowledged() > before + 4);
  }
  const promised = await writers.stop();
  expect(promised.failures).toEqual([]);
  const old = Array.from({ length: 50 }, (_, index) => ({
    id: String(index + 1),
    owner: `old ${index + 1}`,
    email: null,
    balance: '5.00',
  }));
  expect(await tableOf(at, 'modern', 'accounts')).toEqual([...old, ...expectedRows(promised)]);

  const value = newAccount();
  await at.lockstep.repository(account).create(value);
  expect(await rowIn(at, 'legacy', 'accounts', value.id)).toBeNull();

  const description = async () =>
    await at.temporal.workflow.getHandle(`migration/${at.migration.name}`).describe();
  const { history } = await pass(at, 'decommissioned');
  expect(history.map(({ phase }) => phase)).toEqual(phases);
  await expect(tableOf(at, 'legacy', 'accounts')).rejects.toThrow();
  await until(
    'the retired tables are gone',
    async () => (await at.stores.legacy.retiredTables()).length === 0,
  );
  await until('the migration is over', async () => (await description()).status.name === 'COMPLETED');

  for (const { repository } of [at.lockstep, await at.connect()]) {
    const value = newAccount();
    await repository(account).create(value);
    expect((await repository(account).get(value.id))?.value).toEqual(value);
  }
});
