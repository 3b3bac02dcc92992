import { expect, test } from 'vitest';
import { migrationWorkflowId } from '../../workflows/messages.ts';
import { account, newAccount } from '../support/accounts.ts';
import { runningMigration } from '../support/harness.ts';
import { until } from '../support/until.ts';

test('messages that are too large for anything begin the history anew, before Temporal ends the migration for its size', async () => {
  await using at = await runningMigration('dual-write', { entities: [account] });
  const { control } = at.lockstep;
  const before = await control.status();
  const handle = at.temporal.workflow.getHandle(migrationWorkflowId(at.migration.name));
  const first = (await handle.describe()).runId;
  const large = 'x'.repeat(1_900_000);
  // Far more than a history should have, and less than Temporal ends a workflow for.
  for (let sent = 0; sent < 12; sent++)
    await handle.signal(['pause', 'setDeadline', 'nobody', 'bulkWorkEnded'][sent % 4] ?? 'pause', large);
  await until('the history begins anew', async () => (await handle.describe()).runId !== first);
  const { phase, paused, deadline } = await control.status();
  expect({ phase, paused, deadline }).toEqual({
    phase: before.phase,
    paused: false,
    deadline: before.deadline,
  });
  await at.lockstep.repository(account).create(newAccount(), { ack: 'both' });
});
