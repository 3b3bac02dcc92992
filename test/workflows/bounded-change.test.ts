import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { StoreName } from '../../model/failure.ts';
import { routeLeaseMs } from '../../model/phase.ts';
import { migrationWorkflowId, writeWorkflowId } from '../../workflows/messages.ts';
import { account, newAccount } from '../support/accounts.ts';
import { copyOfStore } from '../support/copy-of-store.ts';
import { bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, rowsOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('switch-reads', { phases: { drainLimitMs: 120_000 } });
});
beforeEach(async () => {
  await bringTo(at.lockstep, 'switch-reads');
  await control().setReadPercent(100);
  await drained(at);
});
afterAll(() => at?.[Symbol.asyncDispose]());

const control = () => at.lockstep.control;
const accounts = () => at.lockstep.repository(account);
const workflow = () => at.temporal.workflow.getHandle(migrationWorkflowId(at.migration.name));

async function stateIn(store: StoreName) {
  const state = await at.stores[store].readState(at.migration.name);
  if (!state) throw new Error(`${store} has no state`);
  return state;
}

/** A change that is refused before anything closes leaves the route as it was, and callers notice nothing. */
async function expectRefused(command: 'advance' | 'rollback', measured: object): Promise<void> {
  const before = await control().status();
  const store = before.primary;
  const stateBefore = await stateIn(store);
  await expect(control().send(command)).rejects.toMatchObject({ code: 'GateRefused', details: { measured } });
  const after = await stateIn(store);
  expect(after).toEqual({ ...stateBefore, changeNumber: after.changeNumber });
  await accounts().create(newAccount());
}

test('a rollback with legacy unavailable is refused before modern closes', async () => {
  await control().send('advance');
  await at.proxies.legacy.cut();
  await expectRefused('rollback', { reachable: false });
  await at.proxies.legacy.restore();
  await drained(at);
  expect(await control().send('rollback')).toMatchObject({ phase: 'switch-reads' });
});

test.each([
  ['legacy', 'SELECT epoch FROM lockstep_state LOCK IN SHARE MODE'],
  ['modern', 'SELECT pg_advisory_xact_lock_shared(1819239276, hashtext($migration))'],
] as const)(
  'a transaction that holds the fence of %s refuses the change before anything closes',
  async (store, lock) => {
    const other = await at.another(store);
    await other.rows(store === 'legacy' ? 'START TRANSACTION' : 'BEGIN');
    await other.rows(lock.replace('$migration', `'${at.migration.name}'`));
    await expectRefused('advance', { store, fence: 'held' });
    await other.rows('ROLLBACK');
    expect(await control().send('advance')).toMatchObject({ phase: 'switch-primary' });
  },
);

test.each(['advance', 'rollback'] as const)(
  '%s is refused while the other store is far behind',
  async (command) => {
    if (command === 'rollback') await control().send('advance');
    const { primary } = await control().status();
    const backlog = {
      pending: 9,
      parked: 0,
      tentative: 0,
      oldestTentativeMs: null,
      oldestMs: 600_000,
      oldestPendingMs: 600_000,
      oldestParkedMs: null,
    };
    at.faults[primary].journalBacklog = async () => backlog;
    await expectRefused(command, { pending: 9, backlogAgeMs: 600_000 });
  },
);

test('a write that waits for the new primary asks at a steady pace', async () => {
  const drain = at.gates.close('legacy', 'journal');
  const advancing = control().send('advance');
  await drain.waiting();
  const value = newAccount();
  const operationId = `waiting-${value.id}`;
  const writing = accounts().create(value, { operationId });
  const handle = at.temporal.workflow.getHandle(writeWorkflowId(at.migration.name, operationId));
  // With pauses that double, so many attempts would take an hour.
  await until('it has asked often', async () => {
    const { raw } = await handle.describe().catch(() => ({ raw: null }));
    return raw?.pendingActivities?.some(({ attempt }) => (attempt ?? 0) >= 12);
  });
  drain.open();
  await advancing;
  await writing;
});

test('the new primary opens though the old one has gone away after the drain', async () => {
  const { modern } = at.stores;
  at.faults.modern.writeState = async (state, given) => {
    if (state.open && state.phase === 'switch-primary') await at.proxies.legacy.cut();
    await modern.writeState(state, given);
  };
  expect(await control().send('advance')).toMatchObject({ phase: 'switch-primary' });
  const value = newAccount();
  await accounts().create(value);
  expect(await stateIn('legacy')).toMatchObject({ open: false });
  await at.proxies.legacy.restore();
  await drained(at);
  const [legacy, row] = await rowsOf(at, 'accounts', value.id);
  expect(legacy).toEqual(row);
  expect(await stateIn('legacy')).toEqual(await stateIn('modern'));
});

/** What the workflow does meanwhile. A long history begins anew, before the change or after it. */
async function eventsDuring(change: () => Promise<unknown>) {
  const eventsOf = async (run: string) =>
    (await at.temporal.workflow.getHandle(workflow().workflowId, run).fetchHistory()).events ?? [];
  const { runId: first } = await workflow().describe();
  const before = (await eventsOf(first)).length;
  await change();
  const { runId: last } = await workflow().describe();
  return [...(await eventsOf(first)).slice(before), ...(last === first ? [] : await eventsOf(last))];
}

test('the steps of a change ask for a heartbeat within two seconds, so that a lost worker is noticed', async () => {
  const events = await eventsDuring(() => control().send('advance'));
  const steps = events.flatMap(({ activityTaskScheduledEventAttributes: step }) => {
    const name = step?.activityType?.name ?? '';
    const seconds = Number(step?.heartbeatTimeout?.seconds ?? 0);
    return ['writeState', 'drain'].includes(name) ? [`${name} ${seconds}`] : [];
  });
  expect([...new Set(steps)].sort()).toEqual(['drain 2', 'writeState 2']);
});

test('a workflow that is cancelled in the middle of a change makes it first', async () => {
  const drain = at.gates.close('legacy', 'journal');
  const advancing = control()
    .send('advance')
    .catch((error: unknown) => error);
  await drain.waiting();
  await workflow().cancel();
  drain.open();
  await expect(workflow().result()).rejects.toThrow();
  await advancing;
  expect((await workflow().describe()).status.name).toBe('CANCELLED');
  for (const store of ['legacy', 'modern'] as const)
    expect(await stateIn(store)).toMatchObject({ phase: 'switch-primary', open: true });
  await accounts().create(newAccount());
  expect(await control().start()).toMatchObject({ phase: 'switch-primary', primary: 'modern' });
});

test('an opening that was sent before the workflow was lost does not land when the old primary is open again', async () => {
  const { modern } = at.stores;
  const late = Promise.withResolvers<void>();
  let opening: Promise<void> | undefined;
  at.faults.modern.writeState = async (state, given) => {
    if (!(state.open && state.phase === 'switch-primary')) return await modern.writeState(state, given);
    opening ??= late.promise.then(() => modern.writeState(state, given));
    await opening;
  };
  const advancing = control()
    .send('advance')
    .catch((error: unknown) => error);
  await until('the opening is sent', async () => opening !== undefined);
  await workflow().terminate('lost');
  await advancing;
  expect(await control().start()).toMatchObject({ phase: 'switch-reads', primary: 'legacy' });
  late.resolve();
  await expect(opening).rejects.toMatchObject({ code: 'Fenced' });
  for (const store of ['legacy', 'modern'] as const)
    expect(await stateIn(store)).toMatchObject({ phase: 'switch-reads', open: true });
  await accounts().create(newAccount(), { ack: 'both' });
});

test('a workflow that is lost between the two openings leaves the new primary, and the next one tells the old', async () => {
  const { legacy } = at.stores;
  const held = Promise.withResolvers<void>();
  let told = false;
  at.faults.legacy.writeState = async (state, given) => {
    if (!told && state.open && state.phase === 'switch-primary') {
      told = true;
      await held.promise;
    }
    await legacy.writeState(state, given);
  };
  const advancing = control()
    .send('advance')
    .catch((error: unknown) => error);
  await until('the old primary is to hear of it', async () => told);
  await workflow().terminate('lost');
  await advancing;
  expect(await stateIn('modern')).toMatchObject({ phase: 'switch-primary', open: true });
  expect(await stateIn('legacy')).toMatchObject({ phase: 'switch-reads', open: false });
  const value = newAccount();
  await accounts().create(value);
  expect(await control().start()).toMatchObject({ phase: 'switch-primary', primary: 'modern' });
  // What the lost workflow had sent lands late, and changes nothing.
  held.resolve();
  expect(await stateIn('legacy')).toEqual(await stateIn('modern'));
  await accounts().create(newAccount(), { ack: 'both' });
  await drained(at);
  const [inLegacy, inModern] = await rowsOf(at, 'accounts', value.id);
  expect(inLegacy).toEqual(inModern);
});

test('an old primary that is restored while it is drained is not left behind', async () => {
  const restore = await copyOfStore(at, 'legacy', ['accounts']);
  const drain = at.gates.close('legacy', 'journal');
  const advancing = control()
    .send('advance')
    .catch((error: unknown) => error);
  await drain.waiting();
  await restore();
  drain.open();
  expect(await advancing).toMatchObject({ code: 'GateRefused', details: { gate: 'drain' } });
  for (const store of ['legacy', 'modern'] as const)
    expect(await stateIn(store)).toMatchObject({ phase: 'switch-reads', open: true });
  expect(await stateIn('legacy')).toEqual(await stateIn('modern'));
});

test('a new primary that is restored after the drain does not open', async () => {
  const restore = await copyOfStore(at, 'modern', ['accounts']);
  const { modern } = at.stores;
  at.faults.modern.writeState = async (state, given) => {
    if (state.open && state.phase === 'switch-primary') {
      Reflect.deleteProperty(at.faults.modern, 'writeState');
      await restore();
    }
    await modern.writeState(state, given);
  };
  const advancing = control().send('advance');
  await expect(advancing).rejects.toMatchObject({ code: 'GateRefused', details: { gate: 'set-back' } });
  for (const store of ['legacy', 'modern'] as const)
    expect(await stateIn(store)).toMatchObject({ phase: 'switch-reads', open: true });
  await accounts().create(newAccount(), { ack: 'both' });
});

test('before a store receives no more writes, the workflow waits until no service reads from it by an old route', async () => {
  await bringTo(at.lockstep, 'dual-write');
  const events = await eventsDuring(async () =>
    expect(await control().send('rollback')).toMatchObject({ phase: 'legacy-only' }),
  );
  const timers = events.flatMap(({ timerStartedEventAttributes: timer }) =>
    timer ? [Number(timer.startToFireTimeout?.seconds ?? 0) * 1_000] : [],
  );
  // A new run waits for the deadline, too.
  expect(timers.filter((ms) => ms < 86_400_000)).toEqual([routeLeaseMs]);
});
