import { expect, test } from 'vitest';
import { examine } from '../../client/operator/doctor.ts';
import { prepareStores } from '../../client/operator/prepare.ts';
import { runWorker } from '../../workers/worker.ts';
import { copyLeftover } from '../databases/copy-leftover.ts';
import { account, newAccount, twin } from '../support/accounts.ts';
import { connectBoth } from '../support/connect-both.ts';
import { fixture, type RunningMigration, runningMigration } from '../support/harness.ts';
import { addNote, noted, redefined } from '../support/noted.ts';
import { until } from '../support/until.ts';

const log = () => undefined;

/** Rolls out the definition with a note: tables, then stores. */
async function addNotes(at: RunningMigration) {
  for (const sql of [at.sql.legacy, at.sql.modern]) await sql(addNote);
  const migration = redefined(at.migration, { entities: [noted] });
  await prepareStores(migration, at.environment);
  return migration;
}

async function noteOf(at: RunningMigration, id: number) {
  const read = async (store: 'legacy' | 'modern') =>
    (await at.sql[store](`SELECT owner, note FROM accounts WHERE id = ${id}`))[0];
  return { legacy: await read('legacy'), modern: await read('modern') };
}

test('a worker of an older definition writes nothing, and a newer one takes its work', async () => {
  await using at = await runningMigration('dual-write', { entities: [account] });
  const value = newAccount();
  await at.lockstep.repository(account).create(value, { ack: 'both' });
  const newer = await addNotes(at);
  await at.sql.legacy(`UPDATE accounts SET note = 'precious' WHERE id = ${value.id}`);
  await using service = await connectBoth(newer, { environment: at.environment, temporal: at.temporal });

  // The fixture's worker has no watch: it goes on taking work, as any does for a moment.
  const created = { ...newAccount(), note: 'hello' };
  const writing = [
    service.repository(noted).create(created, { ack: 'both' }),
    service.repository(noted).update(value.id, { owner: 'changed' }, { ack: 'both' }),
  ];
  await until('the older worker has tried', async () => {
    const handle = at.temporal.workflow.list({
      query: `LockstepMigration = '${at.migration.name}' AND WorkflowType = 'write' AND ExecutionStatus = 'Running'`,
    });
    for await (const { workflowId } of handle) {
      const { raw } = await at.temporal.workflow.getHandle(workflowId).describe();
      if (
        raw.pendingActivities?.some(
          ({ lastFailure }) => lastFailure?.applicationFailureInfo?.type === 'DefinitionChanged',
        )
      )
        return true;
    }
    return false;
  });
  expect(await noteOf(at, created.id)).toEqual({ legacy: undefined, modern: undefined });

  const worker = await runWorker({ migration: newer, environment: at.environment, log });
  await Promise.all(writing);
  await at.worker.shutdown();
  for (const [id, expected] of [
    [created.id, { owner: created.owner, note: 'hello' }],
    [value.id, { owner: 'changed', note: 'precious' }],
  ] as const)
    expect(await noteOf(at, id)).toEqual({ legacy: expected, modern: expected });
  await worker.shutdown();
});

test('a worker that is behind ends with the reason, and does not start again', async () => {
  await using at = await runningMigration('dual-write', { entities: [account] });
  const worker = await runWorker({ migration: at.migration, environment: at.environment, log });
  const ended = worker.finished.catch((error: unknown) => error);
  await addNotes(at);
  const behind = { code: 'DefinitionChanged', details: { measured: { revision: 2, known: 1 } } };
  expect(await ended).toMatchObject(behind);
  await expect(
    runWorker({ migration: at.migration, environment: at.environment, log }),
  ).rejects.toMatchObject(behind);
  await expect(connectBoth(at.migration, { environment: at.environment })).rejects.toMatchObject(behind);
});

test('a service that is behind is told so, and what it does not know stands', async () => {
  await using at = await runningMigration('dual-write', { entities: [account] });
  const value = newAccount();
  const older = at.lockstep.repository(account);
  const { operationId } = await older.create(value, { ack: 'both' });
  const newer = await addNotes(at);
  await at.worker.shutdown();
  const worker = await runWorker({ migration: newer, environment: at.environment, log });
  await using service = await connectBoth(newer, { environment: at.environment, temporal: at.temporal });
  await service.repository(noted).update(value.id, { note: 'precious' }, { ack: 'both' });

  await expect(older.replace({ ...value, owner: 'changed' })).rejects.toMatchObject({
    code: 'DefinitionChanged',
  });
  await expect(older.create(newAccount())).rejects.toMatchObject({ code: 'DefinitionChanged' });
  const stands = { owner: value.owner, note: 'precious' };
  expect(await noteOf(at, value.id)).toEqual({ legacy: stands, modern: stands });
  // What was done before is answered as it was.
  await at.temporal.workflow.getHandle(`write/${at.migration.name}/${operationId}`).result();
  expect(await older.create(value, { operationId })).toMatchObject({ operationId });
  await worker.shutdown();
});

test('one that is ahead asks for prepare', async () => {
  await using at = await fixture({ entities: [account] });
  for (const sql of [at.sql.legacy, at.sql.modern]) await sql(addNote);
  const migration = redefined(at.migration, { entities: [noted] });
  await expect(runWorker({ migration, environment: at.environment, log })).rejects.toMatchObject({
    code: 'DefinitionChanged',
    message: expect.stringContaining('run lockstep prepare'),
    details: { measured: { revision: 1, known: null } },
  });
});

test('the rows of a backfill and version bumps are refused as writes are', async () => {
  await using at = await runningMigration('dual-write', { entities: [account] });
  const { epoch } = await at.lockstep.control.status();
  const fence = { migration: at.migration.name, epoch };
  const bump = (id: number) =>
    at.stores.legacy.bumpVersions(
      [
        {
          entity: 'account',
          key: [String(id)],
          readVersion: '0',
          version: '5',
          deleted: false,
          digest: null,
        },
      ],
      fence,
    );
  expect(await bump(1)).toBe('bumped');
  await addNotes(at);
  await expect(bump(2)).rejects.toMatchObject({ code: 'DefinitionChanged' });
  await at.stores.modern.planChunks(at.migration.name, 'account', []);
  const [from] = await at.stores.modern.chunks(at.migration.name, 'account');
  if (!from) throw new Error('a range was planned');
  await expect(copyLeftover(at.stores.modern, account, [], from, { under: fence })).rejects.toMatchObject({
    code: 'DefinitionChanged',
  });
});

test.each(['validate', 'switch-reads'] as const)('no entity comes or goes in %s', async (phase) => {
  await using at = await runningMigration(phase, { entities: [account] });
  for (const entities of [[account, twin], [twin]]) {
    const changed = redefined(at.migration, { entities });
    await expect(prepareStores(changed, at.environment)).rejects.toMatchObject({
      code: 'GateRefused',
      details: { gate: 'definition', measured: { phase } },
    });
    await expect(runWorker({ migration: changed, environment: at.environment, log })).rejects.toMatchObject({
      code: 'DefinitionChanged',
    });
  }
  expect((await at.stores.legacy.definition())?.revision).toBe(1);
});

test('two migrations cannot have one table, nor one name of an entity', async () => {
  await using at = await fixture({ entities: [account] });
  const prepare = (entities: readonly (typeof account | typeof twin)[]) =>
    prepareStores({ ...redefined(at.migration, { entities }), name: 'another' }, at.environment);
  const sameTable = { ...account, name: 'client' };
  const sameName = { ...twin, name: 'account' };
  for (const entity of [sameTable, sameName])
    await expect(prepare([entity])).rejects.toMatchObject({
      code: 'InvalidDefinition',
      message: expect.stringContaining(at.migration.name),
    });
  const { entities } = redefined(at.migration, { entities: [sameTable] });
  const found = await examine({ ...at.migration, entities, name: 'another' }, at.environment);
  expect(found.filter(({ check }) => check === 'tables and entities')).toMatchObject([
    { about: 'legacy', ok: false },
    { about: 'modern', ok: false },
  ]);
  await prepare([twin]);
});

test.each(['legacy', 'modern'] as const)(
  'two entities cannot own one table of the %s store',
  async (store) => {
    await using at = await fixture({ entities: [account] });
    const shapes = { ...twin.shapes, [store]: account.shapes[store] };
    const entities = [account, { ...twin, shapes }];
    const { entities: declared } = redefined(at.migration, { entities });
    const migration = { ...at.migration, entities: declared };
    await expect(prepareStores(migration, at.environment)).rejects.toMatchObject({
      code: 'InvalidDefinition',
      message: expect.stringMatching(
        new RegExp(`account and twin both own the table .*accounts.* in the ${store}`),
      ),
    });
    const found = await examine(migration, at.environment);
    expect(found.filter(({ check, ok }) => check === 'tables and entities' && !ok)).toMatchObject([
      { about: store },
    ]);
  },
);

test('an entity that another migration has taken over is written there, whatever the first one prepares', async () => {
  await using at = await runningMigration('dual-write', { entities: [account, twin] });
  const rest = redefined(at.migration, { entities: [account] });
  await prepareStores(rest, at.environment);
  const other = { ...redefined(at.migration, { entities: [twin] }), name: `${at.migration.name}-b` };
  await prepareStores(other, at.environment);
  await prepareStores(rest, at.environment);
  await using service = await connectBoth(other, { environment: at.environment, temporal: at.temporal });
  expect(service.repository(twin)).toBeDefined();
});
