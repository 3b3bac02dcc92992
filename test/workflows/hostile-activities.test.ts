import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMigrationActivities } from '../../activities/migration/migrate.ts';
import { transactionKey } from '../../databases/contract/transaction-key.ts';
import { failureIn } from '../../model/carried-failure.ts';
import { HybridClock } from '../../model/version.ts';
import { type Foreign, foreignWorker } from '../../proofs/hostile/foreign.ts';
import { account, newAccount } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { rowIn } from '../support/inspect.ts';

const limitMs = 60_000;

let at: RunningMigration;
let foreign: Foreign;
beforeAll(async () => {
  at = await runningMigration('dual-write', { entities: [account] });
  foreign = await foreignWorker(at.temporal, at.environment, at.migration);
});
afterAll(async () => {
  await foreign?.[Symbol.asyncDispose]();
  await at?.[Symbol.asyncDispose]();
});

async function codeOf(activity: string, input: unknown): Promise<string | null> {
  const attempted = await foreign.attempt(activity, [input], limitMs);
  expect(attempted).toMatchObject({ hasEnded: true, attempts: 1 });
  return attempted.error ? (failureIn(attempted.error)?.code ?? String(attempted.error)) : null;
}

test('a worker looks at what its activities are given, and a fault is final', async () => {
  for (const input of [null, { store: 'nowhere' }, { store: 'legacy', state: {} }])
    expect(await codeOf('writeState', input)).toBe('InvalidRequest');
});

test('an epoch that never comes is not waited for, nor one that is over', async () => {
  const state = await at.stores.legacy.readState(at.migration.name);
  if (!state) throw new TypeError('the migration has no state');
  // There is something to be taken, which a store takes under its own epoch only.
  await at.lockstep.repository(account).create(newAccount(), { ack: 'both' });
  for (const epoch of [state.epoch + 7, 1]) {
    const given = { primary: 'legacy', epoch };
    expect(await codeOf('copyOutcomesAhead', given)).toBe('InvalidRequest');
    expect(await codeOf('drain', given)).toBe('GateRefused');
  }
  expect(await codeOf('copyOutcomesAhead', { primary: 'modern', epoch: state.epoch })).toBe('InvalidRequest');
  expect(await codeOf('copyOutcomesAhead', { primary: 'legacy', epoch: state.epoch })).toBeNull();
});

test('a transaction whose record does not say that it is committed is not finished', async () => {
  const { stores, migration } = at;
  const verdict = { decision: 'abort', code: 'Aborted', reason: 'late' } as const;
  await stores.legacy.decide(migration.name, transactionKey('aborted'), verdict);
  const given = { transactionId: 'aborted', coordinator: 'legacy', store: 'modern' };
  expect(await codeOf('finishTransaction', given)).toBe('InvalidRequest');
});

test('what changes the route or touches the legacy tables is done for the migration alone', async () => {
  const { stores, migration } = at;
  const state = await stores.legacy.readState(migration.name);
  if (!state) throw new TypeError('the migration has no state');
  const ended = {
    ...state,
    phase: 'decommissioned',
    epoch: state.epoch + 1,
    changeNumber: state.changeNumber + 1,
  };
  for (const [activity, given] of [
    ['writeState', { store: 'legacy', state: ended, replaces: state.changeNumber }],
    ['writeState', { store: 'modern', state: ended }],
    ['renameLegacyTables', { entities: ['account'] }],
    ['restoreLegacyTables', { entities: ['account'] }],
    ['dropLegacy', { entities: ['account'] }],
    ['removeSchedules', null],
  ] as const)
    expect(await codeOf(activity, given)).toBe('InvalidRequest');
  for (const store of [stores.legacy, stores.modern])
    expect(await store.readState(migration.name)).toEqual(state);
});

test('legacy tables are neither renamed nor dropped before the end, whoever asks', async () => {
  const { stores, migration } = at;
  const value = newAccount();
  await at.lockstep.repository(account).create(value, { ack: 'both' });
  const activities = createMigrationActivities({
    migration,
    stores,
    clock: new HybridClock(),
    wait: async () => {},
    removeSchedules: async () => [],
    log: () => {},
  });
  for (const activity of ['renameLegacyTables', 'restoreLegacyTables', 'dropLegacy'] as const)
    await expect(activities[activity]({ entities: ['account'] })).rejects.toMatchObject({
      code: 'InvalidRequest',
      message: expect.stringContaining('in the phase dual-write'),
    });
  expect(await rowIn(at, 'legacy', 'accounts', value.id)).toMatchObject({ owner: value.owner });
});
