import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { inDoubt, type Recovery } from '../../activities/transactions/recover.ts';
import { transactionKey } from '../../databases/contract/transaction-key.ts';
import type { Attempt, Change } from '../../databases/contract/transactions.ts';
import { keyOf } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import { imageOf } from '../../model/field.ts';
import type { Version } from '../../model/version.ts';
import type { Pruned } from '../../workflows/journal/prune-journal.ts';
import { type Account, bound, newAccount } from '../support/accounts.ts';
import { advanceTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { entryIn, rowsOf, versionsOf } from '../support/inspect.ts';
import { inDoubtIn, transactionalFixture } from '../support/transactions.ts';
import { until } from '../support/until.ts';

const proposed = '77';
const attempts = { first: 'aaaaaaaa', second: 'bbbbbbbb' };

async function recover(at: RunningMigration): Promise<Recovery> {
  return await at.temporal.workflow.execute<() => Promise<Recovery>>('recoverTransactions', {
    workflowId: `recover/${at.migration.name}/${randomUUID()}`,
    taskQueue: at.migration.taskQueue,
  });
}

function changeTo(
  value: Account,
  id: string,
  mode: 'primary' | 'secondary',
  version: Version = proposed,
): Change {
  const image = imageOf(bound.fields, value, 'bound');
  return {
    entity: bound,
    item: {
      mode,
      kind: 'create',
      key: keyOf(bound, image),
      image,
      version,
      operationId: id,
      status: 'completed',
      sharedVersions: [],
    },
  };
}

describe.each(['mysql', 'postgresql'] as const)('with legacy on %s', (from) => {
  /** Where nothing is given time, and where everything is. */
  let hasty: RunningMigration;
  let patient: RunningMigration;
  beforeAll(async () => {
    hasty = await runningMigration('dual-write', {
      from,
      ...transactionalFixture,
      transactions: { inDoubtMs: 0 },
    });
    patient = await runningMigration('dual-write', { from, ...transactionalFixture });
  });
  afterAll(async () => {
    await hasty?.[Symbol.asyncDispose]();
    await patient?.[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    for (const at of [hasty, patient]) {
      for (const { store, branch } of await inDoubtIn(at)) await at.stores[store].rollBackBranch(branch);
    }
  });

  /** As a worker leaves it that dies before the decision. */
  async function prepare(
    at: RunningMigration,
    given: {
      stores?: readonly StoreName[];
      attempt?: string;
      id?: string;
      value?: Account;
      open?: boolean;
    } = {},
  ) {
    const {
      stores = ['legacy', 'modern'],
      attempt = attempts.first,
      id = randomUUID(),
      value = newAccount(),
    } = given;
    const branch: Attempt = {
      migration: at.migration.name,
      transaction: transactionKey(id),
      attempt,
      coordinator: 'legacy',
    };
    const { epoch } = await at.lockstep.control.status();
    const fence = { migration: at.migration.name, epoch };
    if (given.open ?? true) {
      const key = [String(value.id)];
      await at.stores.legacy.openTransaction(
        { operationId: id, entity: 'bound', key },
        attempt,
        branch.migration,
      );
    }
    const results = [];
    for (const store of stores) {
      const change = changeTo(value, id, store === 'legacy' ? 'primary' : 'secondary');
      results.push(await at.stores[store].prepareBranch(branch, [change], fence));
    }
    return { id, value, branch, results };
  }

  const commit = (attempt: string) => ({ decision: 'commit', attempt, versions: [proposed] }) as const;

  test('what is decided to commit is committed', async () => {
    const { value, branch } = await prepare(patient);
    await patient.stores.legacy.decide(branch.migration, branch.transaction, commit(attempts.first));
    await recover(patient);
    for (const row of await rowsOf(patient, 'bound', value.id))
      expect(row).toMatchObject({ owner: value.owner });
    expect(await versionsOf(patient, bound, value.id)).toEqual([proposed, proposed]);
    expect(await inDoubtIn(patient)).toEqual([]);
  });

  test('what is half committed is committed in the other store too', async () => {
    const { value, branch } = await prepare(patient);
    await patient.stores.legacy.decide(branch.migration, branch.transaction, commit(attempts.first));
    await patient.stores.modern.commitBranch(branch);
    await recover(patient);
    expect(await versionsOf(patient, bound, value.id)).toEqual([proposed, proposed]);
  });

  test('what is decided to abort is rolled back', async () => {
    const { value, branch } = await prepare(patient);
    const verdict = { decision: 'abort', code: 'StoreRefused', reason: 'refused' } as const;
    await patient.stores.legacy.decide(branch.migration, branch.transaction, verdict);
    await recover(patient);
    expect(await rowsOf(patient, 'bound', value.id)).toEqual([null, null]);
    expect(await inDoubtIn(patient)).toEqual([]);
  });

  test.each<[readonly StoreName[]]>([[['legacy', 'modern']], [['legacy']], [['modern']], [[]]])(
    'what is undecided past its time, and prepared in %s, is aborted for good',
    async (stores) => {
      const { id, value, branch } = await prepare(hasty, { stores });
      expect(await recover(hasty)).toMatchObject({ aborted: 1, unavailable: [] });
      expect(await rowsOf(hasty, 'bound', value.id)).toEqual([null, null]);
      expect(await inDoubtIn(hasty)).toEqual([]);

      const late = await hasty.stores.legacy.decide(
        branch.migration,
        branch.transaction,
        commit(attempts.first),
      );
      expect(late).toMatchObject({ decision: 'abort', code: 'Aborted' });
      const { results } = await prepare(hasty, { id, value, open: false });
      const refused = { status: 'not applied', outcome: { status: 'known', recorded: 'aborted' } };
      expect(results).toMatchObject([refused, refused]);
      expect(await inDoubtIn(hasty)).toEqual([]);

      const again = hasty.lockstep.repository(bound).create(value, { operationId: id });
      await expect(again).rejects.toMatchObject({ code: 'Aborted' });
      expect(await entryIn(hasty, 'modern', id)).toMatchObject({ status: 'aborted' });
      expect(await recover(hasty)).toMatchObject({ aborted: 0 });
      await hasty.lockstep.repository(bound).create(value);
    },
  );

  test('what is undecided and young is left alone, and told', async () => {
    const { value, branch } = await prepare(patient);
    expect(await recover(patient)).toMatchObject({
      aborted: 0,
      found: [
        { store: 'legacy', count: 1, oldestMs: expect.any(Number) },
        { store: 'modern', count: 1, oldestMs: expect.any(Number) },
      ],
    });
    const [legacy, modern] = await inDoubt(patient);
    expect([legacy?.count, modern?.count]).toEqual([1, 1]);
    expect(legacy?.oldestMs).toBeGreaterThan(0);
    expect(await inDoubtIn(patient)).toHaveLength(2);
    await patient.stores.legacy.decide(branch.migration, branch.transaction, commit(attempts.first));
    await recover(patient);
    expect(await versionsOf(patient, bound, value.id)).toEqual([proposed, proposed]);
  });

  test.each(['legacy', 'modern'] as const)(
    'the decision is kept for as long as %s has a branch, and then pruned',
    async (holder) => {
      const { id, branch } = await prepare(patient, { stores: [holder] });
      const { legacy } = patient.stores;
      await legacy.decide(branch.migration, branch.transaction, commit(attempts.first));
      const table = from === 'mysql' ? 'lockstep_decisions' : 'lockstep.decisions';
      await patient.sql.legacy(
        `UPDATE ${table} SET began_at = '2020-01-01', decided_at = '2020-01-01' WHERE operation = '${id}'`,
      );
      const kept = () => legacy.decision(branch.migration, branch.transaction);
      const prune = () =>
        patient.temporal.workflow.execute<() => Promise<Pruned>>('pruneJournal', {
          workflowId: `prune/${patient.migration.name}/${randomUUID()}`,
          taskQueue: patient.migration.taskQueue,
        });
      expect(await prune()).toEqual({ legacy: 0, modern: 0 });
      expect(await kept()).toMatchObject({ decision: 'commit' });
      await recover(patient);
      expect(await prune()).toEqual({ legacy: 1, modern: 0 });
      expect(await kept()).toBeNull();
    },
  );

  test('an attempt that another has replaced is rolled back, and the other stays', async () => {
    const { id, value, branch } = await prepare(patient, { stores: ['modern'] });
    await patient.stores.modern.rollBackBranch(branch);
    await prepare(patient, { stores: ['legacy'], id, value });
    const { legacy } = patient.stores;
    const key = [String(value.id)];
    await legacy.openTransaction(
      { operationId: id, entity: 'bound', key },
      attempts.second,
      branch.migration,
    );
    const second = { ...branch, attempt: attempts.second };
    const { epoch } = await patient.lockstep.control.status();
    const fence = { migration: branch.migration, epoch };
    await patient.stores.modern.prepareBranch(second, [changeTo(value, id, 'secondary')], fence);
    await recover(patient);
    expect(await inDoubtIn(patient)).toEqual([{ store: 'modern', branch: second }]);
  });

  test('a branch without a record is rolled back, and can never commit', async () => {
    const { value, branch } = await prepare(patient, { open: false });
    await recover(patient);
    expect(await rowsOf(patient, 'bound', value.id)).toEqual([null, null]);
    expect(
      await patient.stores.legacy.decide(branch.migration, branch.transaction, commit(attempts.first)),
    ).toMatchObject({ decision: 'abort' });
  });

  test('a transaction whose workflow is gone is carried out when it is sent again', async () => {
    const { id, value } = await prepare(patient);
    const { version } = await patient.lockstep.repository(bound).create(value, { operationId: id });
    expect(await versionsOf(patient, bound, value.id)).toEqual([version, version]);
    expect(await inDoubtIn(patient)).toEqual([]);
  });

  test('a store that is unavailable keeps nothing in the other from being ended', async () => {
    const first = await prepare(patient, { stores: ['legacy'] });
    const { migration, transaction } = first.branch;
    const verdict = { decision: 'abort', code: 'StoreRefused', reason: 'refused' } as const;
    await patient.stores.legacy.decide(migration, transaction, verdict);
    await patient.proxies.modern.cut();
    try {
      expect(await recover(patient)).toMatchObject({ unavailable: ['modern'] });
    } finally {
      await patient.proxies.modern.restore();
    }
    expect(await inDoubtIn(patient)).toEqual([]);
  });
});

test('a worker that starts ends what another has left', async () => {
  await using at = await runningMigration('dual-write', transactionalFixture);
  const value = newAccount();
  const id = randomUUID();
  const branch: Attempt = {
    migration: at.migration.name,
    transaction: transactionKey(id),
    attempt: attempts.first,
    coordinator: 'legacy',
  };
  const { epoch } = await at.lockstep.control.status();
  const fence = { migration: at.migration.name, epoch };
  await at.worker.shutdown();
  const named = { operationId: id, entity: 'bound', key: [String(value.id)] };
  await at.stores.legacy.openTransaction(named, branch.attempt, branch.migration);
  await at.stores.legacy.prepareBranch(branch, [changeTo(value, id, 'primary')], fence);
  await at.stores.modern.prepareBranch(branch, [changeTo(value, id, 'secondary')], fence);
  const verdict = { decision: 'commit', attempt: branch.attempt, versions: [proposed] } as const;
  await at.stores.legacy.decide(branch.migration, branch.transaction, verdict);
  expect(await inDoubtIn(at)).toHaveLength(2);

  for (let start = 1; start <= 2; start++) {
    const worker = await at.work();
    await until('nothing is in doubt', async () => (await inDoubtIn(at)).length === 0);
    await worker.shutdown();
  }
  expect(await versionsOf(at, bound, value.id)).toEqual([proposed, proposed]);
});

test('what was decided under one primary holds under the next', async () => {
  await using at = await runningMigration('switch-reads', transactionalFixture);
  const accounts = at.lockstep.repository(bound);
  const [value, other] = [newAccount(), newAccount()];
  const [committed, refused] = [randomUUID(), randomUUID()];
  const receipt = await accounts.create(value, { operationId: committed });
  const update = () => accounts.update(other.id, { owner: 'late' }, { operationId: refused });
  await expect(update()).rejects.toMatchObject({ code: 'NotFound' });

  await advanceTo(at.lockstep, 'switch-primary');
  await accounts.create(other);
  await expect(update()).rejects.toMatchObject({ code: 'NotFound' });
  for (const row of await rowsOf(at, 'bound', other.id)) expect(row).toMatchObject({ owner: other.owner });
  await accounts.delete(value.id);
  expect(await accounts.create(value, { operationId: committed })).toEqual(receipt);
  expect(await rowsOf(at, 'bound', value.id)).toEqual([null, null]);
});

test('what one primary had begun and not decided goes on under the next, once', async () => {
  await using at = await runningMigration('switch-primary', {
    ...transactionalFixture,
    transactions: { inDoubtMs: 0 },
  });
  const value = newAccount();
  const id = randomUUID();
  const key = [String(value.id)];
  const { name } = at.migration;
  await at.stores.legacy.openTransaction({ operationId: id, entity: 'bound', key }, attempts.first, name);
  // What is left where nothing can commit any more is forgotten; no id is closed for it.
  expect(await recover(at)).toMatchObject({ aborted: 0 });
  expect(await at.stores.legacy.decision(name, transactionKey(id))).toBeNull();
  const { version } = await at.lockstep.repository(bound).create(value, { operationId: id });
  expect(await versionsOf(at, bound, value.id)).toEqual([version, version]);
  expect(await at.lockstep.repository(bound).create(value, { operationId: id })).toMatchObject({ version });
});
