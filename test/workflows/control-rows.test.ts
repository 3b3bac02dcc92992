import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createMigrationActivities } from '../../activities/migration/migrate.ts';
import { prepareStores } from '../../client/operator/prepare.ts';
import { HybridClock } from '../../model/version.ts';
import { writeWorkflowId } from '../../workflows/messages.ts';
import { account, newAccount } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { entryIn, rowsOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';

/** What somebody has written into control tables; it may be a row of theirs. */
const canary = 'what-stands-there';
/** Of the journal, each with one column that Lockstep would not have written. */
const unsound: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'its status is none': { status: 'sleeping' },
  'its record_key is no key': { record_key: canary },
  'its version is none': { version: '-5' },
  'its refusal is none': { refusal: `{${canary}` },
  'its before_image is no image': { before_image: `{"id": ${canary}` },
  'it is open, and its entity is none of the migration': { entity: 'stranger' },
};

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write', { entities: [account] });
});
afterAll(() => at?.[Symbol.asyncDispose]());
afterEach(async () => {
  await at.sql.legacy("DELETE FROM lockstep_operations WHERE id LIKE 'planted%'");
});

async function plant(): Promise<void> {
  for (const [index, changed] of Object.values(unsound).entries()) {
    const row = {
      id: `planted-${index}`,
      migration: at.migration.name,
      entity: account.name,
      record_key: '["1"]',
      kind: 'create',
      status: 'pending',
      version: '7',
      ...changed,
    };
    const values = Object.values(row).map((value) => `'${value}'`);
    await at.sql.legacy(
      `INSERT INTO lockstep_operations (${Object.keys(row).join(', ')}) VALUES (${values.join(', ')})`,
    );
  }
}

test('rows of the journal that are none of ours are told, and hold up nobody', async () => {
  await plant();
  await at.proxies.modern.cut();
  const value = newAccount();
  const { operationId } = await at.lockstep.repository(account).create(value);
  await until('legacy has the write', () => entryIn(at, 'legacy', operationId));
  await at.temporal.workflow.getHandle(writeWorkflowId(at.migration.name, operationId)).terminate('lost');
  await at.proxies.modern.restore();

  const open = Object.keys(unsound).length - 1;
  // An attempt of the lost workflow may come first.
  const retried = await at.lockstep.journal.retry({ parked: false, olderThanMs: 0, ids: null });
  expect(retried.failed).toBe(open);
  await until(
    'modern has it',
    async () => (await entryIn(at, 'legacy', operationId))?.status === 'completed',
  );
  const [legacy, modern] = await rowsOf(at, 'accounts', value.id);
  expect(modern).toEqual(legacy);

  const listed = (await at.lockstep.journal.list({ limit: 100 })).filter(({ id }) =>
    id.startsWith('planted'),
  );
  const faults = listed.toSorted((one, other) => (one.id < other.id ? -1 : 1)).map(({ fault }) => fault);
  expect(faults).toEqual(
    Object.keys(unsound).map((fault, index) =>
      expect.stringMatching(`control table operations .*: ${fault} .*planted-${index}`),
    ),
  );
  const told = listed.map(({ key: _key, entity: _entity, ...shown }) => shown);
  expect(JSON.stringify(told)).not.toContain(canary);
  expect(listed.filter(({ failure }) => failure === 'InvalidControlRow')).toHaveLength(open);
});

test('a row that nobody can read is not taken for one that is drained', async () => {
  await plant();
  const { migration, stores } = at;
  const before = await stores.legacy.readState(migration.name);
  if (!before) throw new TypeError('the migration has no state');
  const closed = { ...before, epoch: before.epoch + 1, changeNumber: before.changeNumber + 1, open: false };
  for (const store of [stores.legacy, stores.modern]) await store.writeState(closed);
  const { drain } = createMigrationActivities({
    migration,
    stores,
    clock: new HybridClock(),
    wait: async () => {},
    removeSchedules: async () => [],
    log: () => {},
  });
  const drained = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(() =>
    drain({ primary: 'legacy', epoch: closed.epoch }),
  );
  await expect(drained).rejects.toMatchObject({
    code: 'GateRefused',
    message: expect.stringMatching('control table operations .*planted'),
  });
  const opened = { ...closed, epoch: closed.epoch + 1, changeNumber: closed.changeNumber + 1, open: true };
  for (const store of [stores.legacy, stores.modern]) await store.writeState(opened);
});

test('an operation whose own row nobody can read is answered by that, and no other', async () => {
  const value = newAccount();
  await at.sql.legacy(
    `INSERT INTO lockstep_operations (id, migration, entity, record_key, kind, status)
     VALUES ('planted', '${at.migration.name}', 'account', '["${value.id}"]', 'create', 'sleeping')`,
  );
  const accounts = at.lockstep.repository(account);
  await expect(accounts.create(value, { operationId: 'planted' })).rejects.toMatchObject({
    code: 'InvalidControlRow',
    message: expect.stringContaining('control table operations'),
  });
  await accounts.create(value, { ack: 'both' });
});

test('a difference of another word is one that nobody can read', async () => {
  await at.sql.legacy(
    `INSERT INTO lockstep_differences (migration, entity, record_key, verdict, reason)
     VALUES ('${at.migration.name}', 'account', '${canary}', 'odd', '${canary}')`,
  );
  const { reconciliation } = at.lockstep;
  const [group, ...others] = await reconciliation.groupedDifferences({ groups: 10, keys: 0 });
  expect(others).toEqual([]);
  expect(group).toMatchObject({
    verdict: 'unreadable',
    reason: expect.stringContaining('table differences'),
  });
  expect(JSON.stringify(group)).not.toContain(canary);
  await at.sql.legacy('DELETE FROM lockstep_differences');
});

test('checkpoints, routes, definitions and decisions are told by their table', async () => {
  const { migration, stores } = at;
  const { name } = migration;
  const told = (table: string) => ({
    code: 'InvalidControlRow',
    message: expect.stringMatching(`^(?!.*${canary}).*control table ${table} `),
  });
  await at.sql.legacy(
    `INSERT INTO lockstep_chunks (migration, entity, range_no, cursor_key, done, copied, skipped, refused)
     VALUES ('${name}', 'account', 0, '${canary}', 0, 0, 0, 0)`,
  );
  await expect(stores.legacy.chunks(name, 'account')).rejects.toMatchObject(told('chunks'));
  await at.sql.legacy('DELETE FROM lockstep_chunks');

  await at.sql.legacy(
    `INSERT INTO lockstep_decisions (migration, id, operation, entity, record_key, attempt, decision, versions)
     VALUES ('${name}', 'odd', 'odd', 'account', '["1"]', 'a', 'perhaps', NULL), ('${name}', 'listed', 'listed', 'account', '["1"]', 'a', 'commit', '["${canary}')`,
  );
  for (const id of ['odd', 'listed'])
    await expect(stores.legacy.decision(name, id)).rejects.toMatchObject(told('decisions'));
  await at.sql.legacy('DELETE FROM lockstep_decisions');

  await at.sql.legacy(`UPDATE lockstep_state SET phase = '${canary}' WHERE migration = '${name}'`);
  await expect(stores.legacy.readState(name)).rejects.toMatchObject(told('state'));
  // The other store has the route as well.
  expect((await at.lockstep.control.status()).phase).toBe('dual-write');
  await at.lockstep.repository(account).create(newAccount(), { ack: 'both' });
  await at.sql.legacy(`UPDATE lockstep_state SET phase = 'dual-write' WHERE migration = '${name}'`);

  await at.sql.legacy(
    `INSERT INTO lockstep_definitions (migration, revision, entities, tables, policy)
     VALUES ('stranger', 1, '${canary}', '${canary}', '${canary}'), ('${name}', 0, '${canary}', '[]', '{}')`,
  );
  await prepareStores(migration, at.environment);
  await stores.legacy.check();
  await at.sql.legacy(
    `INSERT INTO lockstep_definitions (migration, revision, entities, tables, policy) VALUES ('${name}', 99, '${canary}', '[]', '{}')`,
  );
  await expect(stores.legacy.check()).rejects.toMatchObject(told('definitions'));
  await at.sql.legacy("DELETE FROM lockstep_definitions WHERE revision IN (0, 99) OR migration = 'stranger'");
});
