import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { noReads } from '../../model/read-counts.ts';
import { migrationWorkflowId, readsOverBudget } from '../../workflows/messages.ts';
import { account, newAccount } from '../support/accounts.ts';
import type { Connected } from '../support/connect-both.ts';
import { bringTo, connectAndStart, type Fixture, fixture } from '../support/harness.ts';
import { until } from '../support/until.ts';

const values = Array.from({ length: 12 }, () => newAccount({ owner: 'right' }));

let at: Fixture;
let operator: Connected;
beforeAll(async () => {
  at = await fixture({
    reads: { rampSteps: [50, 100], rampSoakMs: 500, budgetReads: 100, budgetWindowMs: 5_000, shadowShare: 0 },
  });
  await at.work();
  operator = await connectAndStart(at);
  await bringTo(operator, 'switch-reads');
  const accounts = operator.repository(account);
  for (const value of values) await accounts.create(value, { ack: 'both' });
});
beforeEach(async () => {
  await plant('right');
  if ((await status()).ramp) await setReads(0);
  await bringTo(operator, 'switch-reads');
  await setReads(0);
});
afterAll(() => at?.[Symbol.asyncDispose]());

/** A step of the ramp may begin at any moment, and refuses what is asked for meanwhile. */
async function setReads(percent: number) {
  return await until('no step is being taken', () =>
    operator.control.setReadPercent(percent).catch((error: unknown) => {
      if (isLockstepError(error, 'GateRefused') && error.details.gate === 'busy') return null;
      throw error;
    }),
  );
}

async function plant(owner: string): Promise<void> {
  await at.sql.modern(`UPDATE accounts SET owner = '${owner}'`);
}

const status = () => operator.control.status();

/** Reads everything, again and again, until it is stopped. */
async function reading(options: { shadow: boolean } = { shadow: false }) {
  // On a busy machine, a read that legacy answers because modern is late would take the share down.
  const client = await at.connect({ readTimeoutMs: 120_000 });
  const accounts = client.repository(account);
  let stopped = false;
  const done = (async () => {
    while (!stopped) for (const { id } of values) await accounts.get(id, options);
  })();
  return {
    [Symbol.asyncDispose]: async () => {
      stopped = true;
      await done;
      await client.close();
    },
  };
}

test('the share goes up by its steps while reads are right, and waits where none were measured', async () => {
  expect(await operator.control.send('rampReads')).toMatchObject({ readPercent: 0, rampedDown: null });
  await until('the first step', async () => (await status()).readPercent === 50);
  const waiting = await until('it waits', async () => {
    const found = await status();
    return found.ramp?.waits?.includes('no read of modern was measured') && found;
  });
  expect(waiting.readPercent).toBe(50);
  await using _ = await reading();
  const last = await until('the last step', async () => {
    const found = await status();
    return found.readPercent === 100 && found.busy === null && found;
  });
  expect(last).toMatchObject({ ramp: null, rampedDown: null });
});

test('a pause holds the ramp', async () => {
  await operator.control.send('rampReads');
  await using _ = await reading();
  await until('the first step', async () => (await status()).readPercent >= 50);
  await operator.control.send('pause');
  const { readPercent } = await until('it is idle', async () => {
    const found = await status();
    return found.busy === null && found;
  });
  await expect(operator.control.send('rampReads')).rejects.toMatchObject({ details: { gate: 'paused' } });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect((await status()).readPercent).toBe(readPercent);
  await operator.control.send('resume');
  await until('it goes on', async () => (await status()).readPercent === 100);
  await until('it is idle', async () => (await status()).busy === null);
});

test('a share that a person sets ends the ramp', async () => {
  await operator.control.send('rampReads');
  await until('the first step', async () => (await status()).readPercent === 50);
  expect(await setReads(10)).toMatchObject({ readPercent: 10, ramp: null });
});

test('reads that disagree take the share to nothing at once; a clean soak brings it up again', async () => {
  await operator.control.send('rampReads');
  await until('the first step', async () => (await status()).readPercent === 50);
  await plant('wrong');
  await using _ = await reading({ shadow: true });
  const down = await until('it went down', async () => {
    const found = await status();
    return found.rampedDown && found;
  });
  expect(down).toMatchObject({
    readPercent: 0,
    evidence: null,
    rampedDown: { from: 50, reason: expect.stringMatching(/^\d+ of \d+ shadow reads disagreed$/) },
  });
  const held = await until('it waits', async () => {
    const found = await status();
    return found.ramp?.waits ? found : null;
  });
  expect(held.readPercent).toBe(0);
  await plant('right');
  const up = await until('it goes up', async () => {
    const found = await status();
    return found.readPercent >= 50 && found;
  });
  expect(up.rampedDown).toBeNull();
});

test('a finding of an earlier share changes nothing', async () => {
  const { changeNumber } = await setReads(30);
  await setReads(40);
  const found = { kind: 'mismatches', reason: 'late', changeNumber } as const;
  const handle = at.temporal.workflow.getHandle(migrationWorkflowId(at.migration.name));
  await handle.signal(readsOverBudget, found);
  // What a signal leads to has begun, or is over, when a later question is answered.
  await until('nothing is changing', async () => (await status()).busy === null);
  expect(await status()).toMatchObject({ readPercent: 40, rampedDown: null });
});

test('the primary changes only when modern has answered the reads that were to be modern', async () => {
  await setReads(100);
  const { changeNumber } = await status();
  await at.stores.legacy.reportReads(at.migration.name, {
    id: 'counted',
    changeNumber,
    counts: { ...noReads, modern: 50, lagged: 2 },
  });
  await expect(operator.control.send('advance')).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'switch-primary', measured: { modern: 50, lagged: 2 } },
  });
  expect(await setReads(100)).toMatchObject({ readPercent: 100 });
  expect(await operator.control.send('advance')).toMatchObject({ phase: 'switch-primary' });
});
