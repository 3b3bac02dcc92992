import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { connect, type Lockstep } from '../../client/service/connect.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { type Account, account, newAccount } from '../support/accounts.ts';
import type { Connected } from '../support/connect-both.ts';
import { advanceTo, connectAndStart, type Fixture, fixture } from '../support/harness.ts';
import { drained, tableOf } from '../support/inspect.ts';
import { type Proxy as NetworkProxy, proxy } from '../support/proxy.ts';
import { until } from '../support/until.ts';

let at: Fixture;
let operator: Connected;
/** Between the first service and Temporal: while it is cut, writes have no workflow. */
let between: NetworkProxy;
let first: Lockstep;
let second: Lockstep;
beforeAll(async () => {
  at = await fixture();
  await at.work();
  operator = await connectAndStart(at);
  await advanceTo(operator, 'dual-write');
  between = await proxy(`http://${at.environment.TEMPORAL_ADDRESS}`);
  const environment = { ...at.environment, TEMPORAL_ADDRESS: new URL(between.url).host };
  first = await connect(at.migration, { environment, worker: 'embedded' });
  second = await connect(at.migration, { environment: at.environment, worker: 'embedded' });
});
afterAll(async () => {
  await between?.restore();
  await first?.close();
  await second?.close();
  await between?.close();
  await at?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  // A write under a route that is over asks for a workflow: the service has seen what the last test left.
  await first.repository(account).create(newAccount(), { ack: 'both' });
  await between.cut();
});
afterEach(async () => {
  await between.restore();
  await until('every write has had its workflow', async () => (await running()) === 0);
  await drained(at);
  expect(await rows('modern')).toEqual(await rows('legacy'));
});

interface Told {
  readonly operationId: string;
  readonly write: (by: Lockstep) => Promise<unknown>;
  readonly outcome: unknown;
}

/** What a write came to, in words that are the same each time. */
async function outcomeOf(write: Promise<unknown>): Promise<unknown> {
  try {
    const { version } = (await write) as { version: string };
    return { version };
  } catch (error) {
    if (!isLockstepError(error)) throw error;
    return { code: error.code };
  }
}

/** Creates, repeats that are refused, updates and deletes of keys of their own; each as a caller was told of it. */
async function writesBy(service: Lockstep): Promise<Told[]> {
  const groups = await Promise.all(
    Array.from({ length: 24 }, async () => {
      const value = newAccount();
      const told: Told[] = [];
      const once = async (write: (by: Lockstep, operationId: string) => Promise<unknown>) => {
        const operationId = randomUUID();
        const again = (by: Lockstep) => write(by, operationId);
        told.push({ operationId, write: again, outcome: await outcomeOf(again(service)) });
      };
      const both = (operationId: string) => ({ ack: 'both', operationId, timeoutMs: 30_000 }) as const;
      await once((by, id) => by.repository(account).update(value.id, { owner: 'nobody' }, both(id)));
      await once((by, id) => by.repository(account).create(value, both(id)));
      await once((by, id) => by.repository(account).create(value, both(id)));
      await once((by, id) => by.repository(account).update(value.id, { owner: 'Ada' }, both(id)));
      if (value.id % 2 === 0) await once((by, id) => by.repository(account).delete(value.id, both(id)));
      return told;
    }),
  );
  return groups.flat();
}

async function running(): Promise<number> {
  const { count } = await at.temporal.workflow.count(
    `LockstepMigration = '${at.migration.name}' AND ExecutionStatus = 'Running' AND WorkflowType IN ('write', 'writeGroup')`,
  );
  return count;
}

const rows = async (store: 'legacy' | 'modern') =>
  (await tableOf(at, store, 'accounts')).map((row) => JSON.stringify(row)).sort();

/** On a busy machine some stores' calls are late, and without Temporal nobody is told then. */
async function expectSame(told: readonly Told[], by: Lockstep): Promise<void> {
  const known = told.filter(({ outcome }) => (outcome as { code?: string }).code !== 'OutcomeUnknown');
  const again = await Promise.all(known.map(({ write }) => outcomeOf(write(by))));
  expect(again).toEqual(known.map(({ outcome }) => outcome));
}

test('a write without a workflow is sent again to another service, and has the outcome that the first was told', async () => {
  const told = await writesBy(first);
  expect(new Set(told.map(({ outcome }) => JSON.stringify(Object.keys(outcome as object)))).size).toBe(2);
  await expectSame(told, second);
  await expectSame(told, first);
});

test('writes that two services make of the same keys are in both stores in the order of their versions', async () => {
  // Whoever finds a row locked, or changed meanwhile, leaves it to a workflow.
  await between.restore();
  const values: Account[] = Array.from({ length: 8 }, () => newAccount());
  await Promise.all(values.map((value) => first.repository(account).create(value, { ack: 'both' })));
  const last = new Map<number, { version: bigint; owner: string }>();
  await Promise.all(
    Array.from({ length: 64 }, async (_, at) => {
      const by = at % 2 === 0 ? first : second;
      const { id } = values[at % values.length] ?? newAccount();
      const owner = `writer ${at}`;
      const ack = at % 3 === 0 ? 'primary' : 'both';
      const { version } = await by.repository(account).update(id, { owner }, { ack });
      if (BigInt(version) > (last.get(id)?.version ?? 0n)) last.set(id, { version: BigInt(version), owner });
    }),
  );
  await drained(at);
  const found = new Map((await tableOf(at, 'modern', 'accounts')).map((row) => [Number(row.id), row.owner]));
  for (const [id, { owner }] of last) expect(found.get(id)).toBe(owner);
});

test('the primary changes before the workflows of writes: they take nothing back, and repeats are told the same', async () => {
  const before = await writesBy(first);
  await advanceTo(operator, 'switch-primary');
  await until('the service knows', async () => (await first.primary()) === 'modern');
  const after = await writesBy(first);
  await expectSame([...before, ...after], second);
  await between.restore();
  await until('every write has had its workflow', async () => (await running()) === 0);
  await expectSame([...before, ...after], first);
  await operator.control.send('rollback');
  await expectSame([...before, ...after], second);
});
