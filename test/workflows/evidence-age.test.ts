import { expect, test } from 'vitest';
import { runningMigration } from '../support/harness.ts';
import { until } from '../support/until.ts';

test('no reads from modern without evidence, or on evidence that is too old', async () => {
  await using at = await runningMigration('backfill', { phases: { evidenceMaxAgeMs: 0 } });
  const { control } = at.lockstep;
  await until('the backfill is done', async () => (await control.status()).backfill?.done);
  const hold = Promise.withResolvers<[]>();
  at.faults.legacy.sample = () => hold.promise;
  await control.send('advance');
  const validation = at.temporal.workflow.getHandle(`validate/${at.migration.name}`);
  await validation.terminate('no evidence then');
  hold.resolve([]);
  delete at.faults.legacy.sample;
  await expect(control.send('advance')).rejects.toMatchObject({ code: 'GateRefused' });
  await at.temporal.workflow
    .getHandle(`migration/${at.migration.name}`)
    .terminate('it knows no evidence then');
  await control.start();
  await expect(control.send('advance')).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'switch-reads', measured: { evidence: null } },
  });

  await control.startValidation({ sample: 10, seed: 1 });
  await until('there is evidence', async () => (await control.status()).evidence);
  await expect(control.send('advance')).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'switch-reads', measured: { limitMs: 0 } },
  });
});
