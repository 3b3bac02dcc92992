import { afterAll, beforeAll, expect, test } from 'vitest';
import { failureIn } from '../../model/carried-failure.ts';
import { definitionDigest } from '../../model/definition.ts';
import { imageOf } from '../../model/field.ts';
import type { WriteInput } from '../../model/operation.ts';
import { writePolicyOf } from '../../model/policy.ts';
import { HybridClock } from '../../model/version.ts';
import { writeGroupWorkflowId, writeWorkflowId } from '../../workflows/messages.ts';
import { account, newAccount } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { rowsOf } from '../support/inspect.ts';

/** What a service would never send, from somebody who can start workflows. */

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write', { entities: [account] });
});
afterAll(() => at?.[Symbol.asyncDispose]());

const clock = new HybridClock();
let sent = 0;

function soundInput(value = newAccount()): WriteInput {
  sent += 1;
  return {
    migration: at.migration.name,
    operation: {
      id: `hostile-${sent}`,
      entity: account.name,
      kind: 'replace',
      key: [String(value.id)],
      image: imageOf(account.fields, value, account.name),
      proposed: clock.next(),
      definition: definitionDigest(account),
      expectedVersion: null,
    },
    pattern: account.pattern,
    ack: 'both',
    route: { epoch: 2, primary: 'legacy', secondary: 'modern' },
    dualWrite: true,
    validateAfterMs: null,
    policy: writePolicyOf(at.migration.policy),
  };
}

async function outcomeOf(input: WriteInput): Promise<unknown> {
  const { taskQueue, name } = at.migration;
  const options = { workflowId: writeWorkflowId(name, input.operation.id), taskQueue, args: [input] };
  return await at.temporal.workflow.execute('write', options).catch((error: unknown) => failureIn(error));
}

test('a sound input is carried out, whatever epoch it names', async () => {
  const value = newAccount();
  const { epoch: current } = await at.lockstep.control.status();
  for (const epoch of [1, current, current + 1_000]) {
    const input = soundInput(value);
    const carriedOut = await outcomeOf({ ...input, route: { ...input.route, epoch } });
    expect(carriedOut).toMatchObject({ operationId: input.operation.id });
  }
  expect((await rowsOf(at, 'accounts', value.id)).map((row) => row?.owner)).toEqual([
    value.owner,
    value.owner,
  ]);
});

const other = newAccount();
const bent: readonly [string, (input: WriteInput) => WriteInput][] = [
  ['another key than its image', (input) => bend(input, { key: [String(other.id)] })],
  ['a key that is not canonical', (input) => bend(input, { key: [`0${input.operation.key[0]}`] })],
  ['a key of two parts', (input) => bend(input, { key: [...input.operation.key, 'x'] })],
  ['a field that is none', (input) => bend(input, { image: { ...input.operation.image, planted: 'x' } })],
  ['a field too few', (input) => bend(input, { image: { id: input.operation.key[0] ?? '' } })],
  ['a value of another form', (input) => bend(input, { image: { ...input.operation.image, balance: {} } })],
  ['an update of a field that is none', (input) => bend(input, { kind: 'update', image: { planted: 'x' } })],
  ['a version for ever', (input) => bend(input, { proposed: String(2n ** 63n - 1n) })],
  ['the pattern of another entity', (input) => ({ ...input, pattern: 'flag-controlled' })],
  ['no secondary', (input) => ({ ...input, route: { ...input.route, secondary: null } })],
];

test.each(bent)('a write with %s is refused, once, and writes nothing', async (_, bendIt) => {
  const { epoch } = await at.lockstep.control.status();
  const value = newAccount();
  const input = soundInput(value);
  const outcome = await outcomeOf(bendIt({ ...input, route: { ...input.route, epoch } }));
  expect(outcome).toMatchObject({ code: 'InvalidRequest' });
  expect(String(outcome)).not.toContain(value.owner);
  for (const id of [value.id, other.id]) expect(await rowsOf(at, 'accounts', id)).toEqual([null, null]);
});

test('one bent write of a group fails alone', async () => {
  const { name, taskQueue } = at.migration;
  const { epoch } = await at.lockstep.control.status();
  const values = [newAccount(), newAccount()];
  const [sound, hostile] = values.map((value) => soundInput(value));
  if (!sound || !hostile) throw new TypeError('there are two');
  const { operation, pattern, validateAfterMs: _, ...common } = sound;
  const writes = [
    { operation, pattern },
    { operation: { ...hostile.operation, key: [String(other.id)] }, pattern },
  ];
  const tally = await at.temporal.workflow.execute('writeGroup', {
    workflowId: writeGroupWorkflowId(name, `hostile-${sent}`),
    taskQueue,
    args: [{ ...common, route: { ...common.route, epoch }, writes }],
  });
  expect(tally).toMatchObject({ apart: 2 });
  const alone = at.temporal.workflow.getHandle(writeWorkflowId(name, hostile.operation.id));
  expect(failureIn(await alone.result().catch((error: unknown) => error))).toMatchObject({
    code: 'InvalidRequest',
  });
  await at.temporal.workflow.getHandle(writeWorkflowId(name, operation.id)).result();
  const owners = (await rowsOf(at, 'accounts', values[0]?.id ?? 0)).map((row) => row?.owner);
  expect(owners).toEqual([values[0]?.owner, values[0]?.owner]);
});

function bend(input: WriteInput, change: Partial<WriteInput['operation']>): WriteInput {
  return { ...input, operation: { ...input.operation, ...change } };
}
