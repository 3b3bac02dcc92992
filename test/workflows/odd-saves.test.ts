import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporalPlace } from '../../client/temporal/connection.ts';
import { faultOf } from '../../proofs/hostile/fault.ts';
import { oddSaves } from '../../proofs/hostile/odd-saves.ts';
import { startRaw } from '../../proofs/hostile/raw-payloads.ts';
import { writeWorkflowId } from '../../workflows/messages.ts';
import { account } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write', { entities: [account] });
});
afterAll(() => at?.[Symbol.asyncDispose]());

test('a save that is odd is refused once, by its path', async () => {
  const { name, taskQueue } = at.migration;
  const found: string[] = [];
  await Promise.all(
    oddSaves.map(async ({ what, input }, index) => {
      const operationId = `odd-${index}`;
      const workflowId = writeWorkflowId(name, operationId);
      const target = { temporal: at.temporal, namespace: temporalPlace(at.environment).namespace };
      await startRaw(target, { type: 'save', workflowId, taskQueue }, { input: input(operationId) });
      const late = new Promise<'stuck'>((resolve) => setTimeout(() => resolve('stuck'), 60_000).unref());
      const fault = await Promise.race([faultOf(at.temporal.workflow.getHandle(workflowId).result()), late]);
      if (fault !== null) found.push(`${fault}: ${what}`);
    }),
  );
  expect(found).toEqual([]);
  expect(await at.sql.legacy('SELECT * FROM accounts')).toEqual([]);
  expect(await at.sql.modern('SELECT * FROM accounts')).toEqual([]);
});
