import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { Difference } from '../../databases/contract/comparison.ts';
import * as messages from '../../workflows/messages.ts';
import { account, newAccount } from '../support/accounts.ts';
import { bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained } from '../support/inspect.ts';
import { until } from '../support/until.ts';

const soakMs = 3_600_000;
let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('switch-reads', {
    entities: [account],
    phases: { drainLimitMs: 120_000, soakMs },
  });
});
beforeEach(async () => {
  await bringTo(at.lockstep, 'switch-reads');
  await control().setReadPercent(100);
  await drained(at);
});
afterAll(() => at?.[Symbol.asyncDispose]());

const control = () => at.lockstep.control;
const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
const both = async () =>
  await Promise.all(
    (['legacy', 'modern'] as const).map((store) => at.stores[store].readState(at.migration.name)),
  );

test('a dry run measures every condition, tells the steps, and changes nothing', async () => {
  const [states, before] = [await both(), await control().status()];
  const advance = await control().preview({ step: 'advance' });
  expect(advance).toMatchObject({ from: 'switch-reads', to: 'switch-primary' });
  const names = advance.conditions.map(({ name }) => name);
  expect(names).toEqual([
    ...[
      'busy',
      'paused',
      'end',
      'reachable',
      'read-share',
      'modern-reads',
      'parked',
      'evidence',
      'freshness',
    ],
    ...['set-back', 'faults', 'fence', 'lag'],
  ]);
  expect(advance.conditions.every(({ met }) => met)).toBe(true);
  expect(advance.conditions.filter(({ forcible }) => forcible).map(({ name }) => name)).toEqual([
    'read-share',
    'freshness',
    'lag',
  ]);
  expect(advance.steps.join()).toContain(`under epoch ${before.epoch + 2}`);
  await control().preview({ step: 'rollback' });
  const elsewhere = await control().preview({ step: 'decommission' });
  expect(elsewhere).toMatchObject({ to: null, steps: [] });
  expect(elsewhere.conditions.filter(({ met }) => !met)).toMatchObject([{ name: 'decommission' }]);
  const reads = await control().preview({ step: 'reads', percent: 10 });
  expect(reads.steps.join()).toContain('10 %');
  await at.stores.modern.recordDifferences(at.migration.name, [known]);
  onTestFinished(() => at.stores.modern.resolveDifferences(at.migration.name, known.entity, [known.key]));
  const held = await control().preview({ step: 'advance' });
  expect(held.conditions.filter(({ met }) => !met)).toMatchObject([
    { name: 'faults', measured: { differences: 1 }, forcible: false, remedy: expect.stringMatching(/\w/) },
  ]);
  await at.proxies.modern.cut();
  const away = await control().preview({ step: 'advance' });
  expect(away.conditions.filter(({ met }) => !met)).toMatchObject([{ name: 'reachable' }]);
  await at.proxies.modern.restore();
  expect(await both()).toEqual(states);
  expect(await control().status()).toEqual(before);
});

const known: Difference = { entity: 'account', key: ['1'], verdict: 'mismatch', reason: 'fields owner' };

test('force passes what is caution, and says so from then on; what protects data it never passes', async () => {
  await control().setReadPercent(50);
  await at.stores.modern.recordDifferences(at.migration.name, [known]);
  const force = { force: true, by: 'ada', reason: 'the reads were proved elsewhere' };
  await expect(control().send('advance', force)).rejects.toMatchObject({
    code: 'GateRefused',
    details: { gate: 'switch-primary', condition: 'faults', forcible: false },
  });
  expect((await control().status()).forced).toEqual([]);
  await at.lockstep.reconciliation.run({ repair: true });
  await control().startValidation({ sample: null, seed: 1 });
  await until('the validation is over', async () => !(await control().status()).validating);

  await expect(control().send('advance')).rejects.toMatchObject({
    details: { condition: 'read-share', forcible: true },
  });
  const { forced, history } = await control().send('advance', force);
  expect(forced).toMatchObject([
    {
      from: 'switch-reads',
      to: 'switch-primary',
      by: 'ada',
      reason: force.reason,
      passed: [{ name: 'read-share', measured: { readPercent: 50 } }],
    },
  ]);
  expect(history.at(-1)).toMatchObject({ phase: 'switch-primary', by: 'ada', reason: force.reason });
  const { conditions } = await control().preview({ step: 'rollback' });
  expect(conditions.map(({ name }) => name)).toEqual([
    ...['busy', 'paused', 'rollback', 'reachable', 'set-back', 'fence', 'parked', 'lag'],
  ]);
});

test('a step waits for its time, which shows, and is taken then', async () => {
  const later = inMs(3_600_000);
  const { phase, planned } = await control().send('advance', { notBefore: later, by: 'ada' });
  expect({ phase, planned }).toMatchObject({
    phase: 'switch-reads',
    planned: { step: 'advance', by: 'ada', notBefore: later, waitingFor: 'its time' },
  });
  const notBefore = inMs(1_000);
  await control().send('advance', { notBefore, by: 'bea' });
  const { history } = await until('the step is taken', async () => {
    const status = await control().status();
    return status.phase === 'switch-primary' && status.busy === null && status;
  });
  expect(history.at(-1)?.at.localeCompare(notBefore)).toBeGreaterThanOrEqual(0);
  expect(history.at(-1)).toMatchObject({ by: 'bea' });
  expect((await control().status()).planned).toBeNull();
});

test('a step whose window passes is not taken, nor one that was cancelled', async () => {
  // Its gate holds it until the pause does.
  await control().setReadPercent(50);
  await until('it is paused while the step waits', async () => {
    await control().send('advance', { notBefore: inMs(500), notAfter: inMs(3_000) });
    const { planned } = await control().send('pause', { by: 'bea', reason: 'month end' });
    if (planned === null) await control().send('resume');
    return planned;
  });
  const { phase, lastFailure } = await until('it was given up', async () => {
    const status = await control().status();
    return status.planned === null && status;
  });
  expect({ phase, lastFailure }).toMatchObject({
    phase: 'switch-reads',
    lastFailure: expect.stringContaining('resumed'),
  });
  await control().send('resume');
  await control().send('advance', { notBefore: inMs(3_600_000) });
  expect(await control().send('cancel', { by: 'bea' })).toMatchObject({
    planned: null,
    lastFailure: expect.stringContaining('cancelled by bea'),
  });
});

test('a step that its gate refuses in its time waits for the gate, and says for what', async () => {
  await control().setReadPercent(50);
  await control().send('advance', { notBefore: inMs(500) });
  await until('it waits for the gate', async () =>
    (await control().status()).planned?.waitingFor.includes('reads are modern'),
  );
  expect(await control().send('cancel')).toMatchObject({ planned: null, phase: 'switch-reads' });
});

test('a planned step whose gate is being measured when it is cancelled is not taken', async () => {
  using measuring = at.gates.close('modern', 'reportedReads');
  await control().send('advance', { notBefore: inMs(500), by: 'ada' });
  await until('its gate is measured', async () => (await control().status()).busy === 'advance');
  await measuring.waiting();
  expect(await control().status()).toMatchObject({ busy: 'advance', cancellable: true });
  expect(await control().send('cancel', { by: 'bea' })).toMatchObject({
    planned: null,
    phase: 'switch-reads',
    busy: null,
    lastFailure: expect.stringContaining('cancelled by bea'),
  });
  measuring.open();
  expect(await control().send('advance')).toMatchObject({ phase: 'switch-primary' });
});

test('a pause that is answered while a gate is measured holds the step', async () => {
  using measuring = at.gates.close('modern', 'reportedReads');
  const advancing = control()
    .send('advance')
    .catch((error: unknown) => error);
  await until('its gate is measured', async () => (await control().status()).busy === 'advance');
  await measuring.waiting();
  await control().send('pause', { by: 'bea', reason: 'month end' });
  measuring.open();
  expect(await advancing).toMatchObject({ code: 'GateRefused', details: { gate: 'paused' } });
  await control().send('resume');
});

test('a pause that is answered while reads are measured holds the step up', async () => {
  await control().setReadPercent(0);
  using measuring = at.gates.close('modern', 'reportedReads');
  await control().send('rampReads');
  await until('reads are measured', async () => (await control().status()).busy === 'ramp up');
  await measuring.waiting();
  await control().send('pause');
  measuring.open();
  const { readPercent } = await until('it has looked', async () => {
    const found = await control().status();
    return found.busy === null && found;
  });
  expect(readPercent).toBe(0);
  await control().send('resume');
});

test('a change of primary that has not opened can be cancelled: the old primary opens above it', async () => {
  const before = await control().status();
  const drain = at.gates.close('legacy', 'journal');
  const advancing = control()
    .send('advance')
    .catch((error: unknown) => error);
  await drain.waiting();
  expect(await control().status()).toMatchObject({ busy: 'advance', cancellable: true });
  const writing = at.lockstep.repository(account).create(newAccount(), { ack: 'both' });
  await expect(control().send('rollback')).rejects.toMatchObject({ details: { gate: 'busy' } });
  expect(await control().send('cancel', { by: 'ada', reason: 'wrong day' })).toMatchObject({
    phase: 'switch-reads',
    busy: null,
    cancellable: false,
    lastFailure: expect.stringContaining('cancelled by ada (wrong day)'),
  });
  expect(await advancing).toMatchObject({ code: 'GateRefused', details: { gate: 'cancelled' } });
  drain.open();
  await writing;
  const { epoch } = await control().status();
  expect(epoch).toBeGreaterThan(before.epoch + 1);
  for (const state of await both()) expect(state).toMatchObject({ epoch, open: true, phase: 'switch-reads' });
  expect(await control().send('advance')).toMatchObject({ phase: 'switch-primary' });
});

test('once the new primary opens, there is nothing to cancel', async () => {
  const opening = Promise.withResolvers<void>();
  onTestFinished(() => opening.resolve());
  const { modern } = at.stores;
  at.faults.modern.writeState = async (state, given) => {
    if (state.open && state.phase === 'switch-primary') await opening.promise;
    await modern.writeState(state, given);
  };
  const advancing = control().send('advance');
  await until('it opens', async () => {
    const { busy, cancellable } = await control().status();
    const [legacy] = await both();
    return busy === 'advance' && !cancellable && legacy?.open === false;
  });
  await expect(control().send('cancel')).rejects.toMatchObject({ details: { gate: 'cancel' } });
  opening.resolve();
  expect(await advancing).toMatchObject({ phase: 'switch-primary' });
});

test('a pause holds a reconciliation, whoever began it', async () => {
  await control().send('pause', { by: 'bea', reason: 'month end' });
  const running = at.lockstep.reconciliation.run({ repair: false });
  const handle = at.temporal.workflow.getHandle(messages.reconciliationWorkflowId(at.migration.name));
  const compared = async () => {
    const { events } = await handle.fetchHistory();
    return (events ?? []).some(
      ({ activityTaskScheduledEventAttributes: scheduled }) =>
        scheduled?.activityType?.name === 'compareSlice',
    );
  };
  await until('it was told', async () => {
    const { events } = await handle.fetchHistory().catch(() => ({ events: [] }));
    return (events ?? []).some((event) => event.workflowExecutionSignaledEventAttributes);
  });
  expect(await compared()).toBe(false);
  await control().send('resume');
  expect(await running).toMatchObject({ skipped: null });
});
