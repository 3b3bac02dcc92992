import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { definitionDigest } from '../../model/definition.ts';
import { imageOf } from '../../model/field.ts';
import { groupInput } from '../../model/workflow-inputs.ts';
import type { DecidedWrite } from '../../model/write-group.ts';
import { writeGroupWorkflowId } from '../../workflows/messages.ts';
import { type Account, account, newAccount, refusedByModern } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, entryIn, rowsOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';
import { wholeWrite } from '../support/whole-write.ts';

/** Groups whose writes were made before they had a workflow, and whose service is gone: another worker sees to them. */

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write', { entities: [account] });
});
afterAll(() => at?.[Symbol.asyncDispose]());

/** As the process of a service leaves it that dies when its primary has decided: its journal has it as pending. */
async function decidedAtLegacy(value: Account): Promise<DecidedWrite> {
  const id = randomUUID();
  const { name } = at.migration;
  const { epoch } = await at.lockstep.control.status();
  const image = imageOf(account.fields, value, account.name);
  const version = String(BigInt(Date.now()) << 20n);
  const item = wholeWrite(account, image, { operationId: id, kind: 'create', version, status: 'pending' });
  const [outcome] = await at.stores.legacy.write(account, [item], { migration: name, epoch });
  expect(outcome).toMatchObject({ status: 'applied', version });
  return { id, kind: 'create', key: [String(value.id)], version };
}

async function carriedOut(writes: readonly DecidedWrite[]): Promise<unknown> {
  const { name, taskQueue } = at.migration;
  const state = await at.stores.legacy.readState(name);
  if (!state) throw new TypeError('there is a route');
  const { pattern } = account;
  const decided = [{ entity: account.name, pattern, definition: definitionDigest(account), writes }];
  const common = groupInput(at.migration, state, { ack: 'both', dualWrite: true });
  return await at.temporal.workflow.execute('writeGroup', {
    workflowId: writeGroupWorkflowId(name, randomUUID()),
    taskQueue,
    args: [{ ...common, writes: [], decided }],
  });
}

test('the other store gets what the primary has, and the journal says so', async () => {
  const values = Array.from({ length: 5 }, () => newAccount());
  const writes = [];
  for (const value of values) writes.push(await decidedAtLegacy(value));
  expect(await carriedOut(writes)).toEqual({ done: 5, owed: 0, refused: 0, apart: 0, open: 0 });
  for (const [index, { id }] of writes.entries()) {
    expect(await entryIn(at, 'legacy', id)).toMatchObject({ status: 'completed' });
    const { id: key = 0, owner } = values[index] ?? {};
    expect((await rowsOf(at, 'accounts', key)).map((row) => row?.owner)).toEqual([owner, owner]);
  }
});

test('a newer write of the key stays', async () => {
  const value = newAccount();
  const old = await decidedAtLegacy(value);
  await at.lockstep.repository(account).update(value.id, { owner: 'newer' }, { ack: 'both' });
  expect(await carriedOut([old])).toMatchObject({ done: 1 });
  expect((await rowsOf(at, 'accounts', value.id)).map((row) => row?.owner)).toEqual(['newer', 'newer']);
});

test('one that the other store refuses gets a workflow of its own, where a person can decide', async () => {
  const [good, bad] = [newAccount(), newAccount({ balance: refusedByModern })];
  const writes = [await decidedAtLegacy(good), await decidedAtLegacy(bad)];
  const parked = writes[1]?.id ?? '';
  expect(await carriedOut(writes)).toMatchObject({ done: 1, apart: 1 });
  await until(
    'it is parked',
    async () => (await at.lockstep.control.writeStatus(parked).catch(() => null))?.stage === 'parked',
  );
  await at.lockstep.control.resolve(parked, 'compensate');
  await until('it is undone', async () => (await entryIn(at, 'legacy', parked))?.status === 'compensated');
  await drained(at);
  expect(await rowsOf(at, 'accounts', bad.id)).toEqual([null, null]);
});

test('a group without a write is refused', async () => {
  await expect(carriedOut([])).rejects.toMatchObject({ cause: { type: 'InvalidRequest' } });
});
