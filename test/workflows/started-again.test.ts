import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { operate } from '../../client/operator/operate.ts';
import { migrationWorkflowId } from '../../model/workflow-ids.ts';
import { fixture } from '../support/harness.ts';
import { until } from '../support/until.ts';

test('a migration that is started again before its first worker runs is told to run already, once there is one', async () => {
  await using at = await fixture();
  const { migration, environment, temporal } = at;
  await using operator = await operate(migration, { environment, temporal, answerWithinMs: 100 });
  const first = operator.control.start();
  const workflow = temporal.workflow.getHandle(migrationWorkflowId(migration.name));
  await until('it is there', () =>
    workflow.describe().then(
      () => true,
      () => false,
    ),
  );
  const again = operator.control.start().catch((error: unknown) => error);
  // Long enough to be told that there is no worker.
  await Promise.race([again, sleep(1_000)]);
  await at.work();
  expect(await first).toMatchObject({ phase: 'legacy-only' });
  expect(await again).toMatchObject({ code: 'AlreadyRunning' });
});
