import { expect, test } from 'vitest';
import { prepareStores } from '../../client/operator/prepare.ts';
import { releaseTables } from '../../client/operator/release.ts';
import { account, newAccount } from '../support/accounts.ts';
import { runningMigration } from '../support/harness.ts';

test('a migration that is given up leaves its tables to another, writes nothing more, and can be taken up again', async () => {
  await using at = await runningMigration('dual-write', { entities: [account] });
  const { control, repository } = at.lockstep;
  const other = { ...at.migration, name: `${at.migration.name}-b`, taskQueue: 'nobody' };
  const release = () => releaseTables(at.temporal, at.migration, at.environment);
  await expect(release()).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'release', measured: { phase: 'dual-write' } },
  });
  await control.send('rollback');
  await expect(prepareStores(other, at.environment)).rejects.toMatchObject({
    code: 'InvalidDefinition',
    message: expect.stringContaining('--release'),
  });
  await release();
  await release();
  await expect(control.status()).rejects.toMatchObject({ code: 'NotRunning' });
  for (const store of ['legacy', 'modern'] as const) {
    expect(await at.stores[store].definition()).toBeNull();
    expect(await at.stores[store].readState(at.migration.name)).toMatchObject({ open: false });
  }
  await prepareStores(at.migration, at.environment);
  expect(await control.start()).toMatchObject({ phase: 'legacy-only' });
  await repository(account).create(newAccount());
  await control.send('rollback').catch(() => undefined);
  await release();
  await prepareStores(other, at.environment);
});
