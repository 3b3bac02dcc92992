import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { writeWorkflowId } from '../../workflows/messages.ts';
import { type Account, newAccount, refusedByModern, twin } from '../support/accounts.ts';
import { bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { type Held, holdAt, type Step } from '../support/hold.ts';
import { entryIn, rowsOf, versionsOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';

/** Every call of a store by which a create that the primary refuses is undone in the secondary. */
const steps: readonly Omit<Step, 'when'>[] = [
  { store: 'legacy', method: 'write', about: '"mode":"primary"' },
  { store: 'modern', method: 'write', about: '"mode":"tentative"' },
  { store: 'legacy', method: 'abort' },
  { store: 'modern', method: 'abort' },
  { store: 'legacy', method: 'bumpVersions' },
  { store: 'modern', method: 'write', about: '"mode":"secondary"' },
  { store: 'modern', method: 'settleTentative' },
];
const everyStep = steps.flatMap((step): [string, Step][] =>
  (['before', 'after'] as const).map((when) => [
    `${when} ${step.store}.${step.method} ${step.about ?? ''}`.trim(),
    { ...step, when },
  ]),
);

describe.each(['mysql', 'postgresql'] as const)('with legacy on %s', (from) => {
  let at: RunningMigration;
  beforeAll(async () => {
    at = await runningMigration('switch-reads', { from });
    await at.lockstep.control.setReadPercent(100);
  });
  afterAll(() => at?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    await bringTo(at.lockstep, 'switch-reads');
    await at.lockstep.control.setReadPercent(100);
  });

  const workflowOf = (id: string) => at.temporal.workflow.getHandle(writeWorkflowId(at.migration.name, id));
  const retry = (parked = false) => at.lockstep.journal.retry({ parked, olderThanMs: 0, ids: null });

  /** An acknowledged row, and a create of the same key, which cannot be accepted, under way. */
  async function refusedBeside(hold: () => Held) {
    // One that does not remember the route of a test before.
    const twins = (await at.connect()).repository(twin);
    const value = newAccount();
    await twins.create(value);
    const held = hold();
    const operationId = `refused-${value.id}`;
    const answer = twins
      .create({ ...value, owner: 'refused' }, { operationId })
      .catch((error: unknown) => error);
    await held.reached();
    return { value, operationId, held, answer };
  }

  async function expectInBoth(value: Account): Promise<void> {
    for (const row of await rowsOf(at, 'twins', value.id)) expect(row).toMatchObject({ owner: value.owner });
    const [legacy, modern] = await versionsOf(at, twin, value.id);
    expect(legacy).toBe(modern);
  }

  test.each(everyStep)('a workflow that is lost %s leaves the acknowledged row', async (_, step) => {
    const { value, operationId, held } = await refusedBeside(() => holdAt(at, step));
    await workflowOf(operationId).terminate('lost');
    await retry();
    // Where it had taken nothing yet, what is thought dead may still come.
    await held.release().catch(() => undefined);
    await retry();
    await expectInBoth(value);
    expect(await at.lockstep.control.backlog()).toMatchObject({ pending: 0, tentative: 0, parked: 0 });
    for (const store of ['legacy', 'modern'] as const)
      expect((await entryIn(at, store, operationId))?.status ?? 'aborted').toMatch(/^(failed|aborted)$/);
  });

  test.each(everyStep)('a change of primary %s leaves the acknowledged row', async (_, step) => {
    const { value, operationId, held, answer } = await refusedBeside(() => holdAt(at, step));
    const changing = at.lockstep.control.send('advance');
    // A worker's call that has the fence is waited for; one that stands outside the store is not.
    await until('both stores are closed, or it is over', async () => {
      const state = await at.stores.modern.readState(at.migration.name);
      return state && (!state.open || state.phase === 'switch-primary');
    });
    await Promise.race([changing, new Promise((resolve) => setTimeout(resolve, 500))]);
    const releasing = held.release();
    expect((await changing).primary).toBe('modern');
    await releasing;
    expect(await answer).toMatchObject({ code: 'AlreadyExists' });
    await expectInBoth(value);
    expect(await at.lockstep.control.backlog()).toMatchObject({ pending: 0, tentative: 0, parked: 0 });
    await expect(
      at.lockstep.repository(twin).create({ ...value, owner: 'again' }, { operationId }),
    ).rejects.toMatchObject({ code: 'AlreadyExists' });
    await expectInBoth(value);
  });

  test('a create that the primary refuses while the primary changes leaves the acknowledged row', async () => {
    const twins = (await at.connect()).repository(twin);
    const value = newAccount();
    const { version } = await twins.create(value);
    const records = from === 'mysql' ? 'lockstep_records' : 'lockstep.records';
    const holder = await at.another('legacy');
    const watcher = await at.another('legacy');
    await holder.rows('BEGIN');
    await holder.rows(
      `SELECT 1 FROM ${records} WHERE entity = 'twin' AND record_key = '["${value.id}"]' FOR UPDATE`,
    );
    const answer = twins
      .create({ ...value, owner: 'refused' }, { operationId: `refused-${value.id}` })
      .catch((error: unknown) => error);
    await until(
      'the secondary has it',
      async () => (await rowsOf(at, 'twins', value.id))[1]?.owner === 'refused',
    );
    await watcher.waiting();
    const changing = at.lockstep.control.send('advance');
    await watcher.waiting(2);
    await holder.rows('COMMIT');
    expect((await changing).primary).toBe('modern');
    expect(await answer).toMatchObject({ code: 'AlreadyExists' });
    for (const row of await rowsOf(at, 'twins', value.id)) expect(row).toMatchObject({ owner: value.owner });
    const [legacy, modern] = await versionsOf(at, twin, value.id);
    expect(legacy).toBe(modern);
    expect(BigInt(legacy ?? 0)).toBeGreaterThan(BigInt(version ?? 0));
  });

  /** A write that the secondary has, and that the primary is kept from deciding. */
  async function undecided() {
    const value = newAccount();
    const twins = (await at.connect()).repository(twin);
    const held = holdAt(at, { store: 'legacy', method: 'write', when: 'before', about: '"mode":"primary"' });
    const answer = twins.create(value);
    await held.reached();
    await until('the secondary has it', async () => (await rowsOf(at, 'twins', value.id))[1]);
    return { value, answer, held };
  }

  test('a read of modern gives nothing that is not decided yet; the primary answers', async () => {
    const { value, answer, held } = await undecided();
    const client = await at.connect();
    const twins = client.repository(twin);
    expect(await twins.get(value.id, { shadow: true })).toBeNull();
    expect(client.reads.counts()).toMatchObject({ legacy: 1, modern: 0, undecided: 1 });
    expect(await twins.getMany([value.id])).toEqual([null]);
    expect(client.reads.counts()).toMatchObject({ legacy: 2, modern: 0, undecided: 2 });
    at.proxies.legacy.hang();
    await expect(twins.getMany([value.id])).rejects.toMatchObject({ code: 'StoreUnavailable' });
    await expect(twins.get(value.id)).rejects.toMatchObject({
      code: 'StoreUnavailable',
      details: { store: 'legacy' },
    });
    await at.proxies.legacy.restore();
    await held.release();
    await answer;
    expect((await twins.get(value.id))?.value).toEqual(value);
    expect(client.reads.counts()).toMatchObject({ legacy: 2, modern: 1, undecided: 2 });
    expect(client.shadow.counts()).toMatchObject({ unequal: 0 });
  });

  test('a write that was only tentative goes on at the new primary, once', async () => {
    const { value, answer, held } = await undecided();
    expect(await at.lockstep.control.backlog()).toMatchObject({ pending: 0, tentative: 1 });
    expect(await at.lockstep.journal.list({ statuses: ['tentative'], limit: 10 })).toMatchObject([
      { store: 'modern', entity: 'twin', version: null },
    ]);
    await at.lockstep.control.send('advance');
    expect(await rowsOf(at, 'twins', value.id)).toEqual([null, null]);
    await held.release();
    const { operationId } = await answer;
    await expectInBoth(value);
    expect(await entryIn(at, 'modern', operationId)).toMatchObject({ status: 'completed' });
    expect(await at.lockstep.control.backlog()).toMatchObject({ pending: 0, tentative: 0 });
  });

  test('a retry of the journal leaves alone what a living workflow has yet to decide', async () => {
    const { value, answer, held } = await undecided();
    expect(await retry()).toMatchObject({ settled: 0, notified: 0 });
    await held.release();
    const { operationId } = await answer;
    await expectInBoth(value);
    expect(await entryIn(at, 'modern', operationId)).toMatchObject({ status: 'completed' });
  });

  test('what the secondary refuses is undone in the primary when the workflow is lost', async () => {
    const twins = (await at.connect()).repository(twin);
    const value = newAccount();
    await twins.create(value);
    const held = holdAt(at, { store: 'legacy', method: 'write', when: 'after', about: '"mode":"primary"' });
    const operationId = `lost-${value.id}`;
    const sent = { ...value, owner: 'refused', balance: refusedByModern };
    twins.replace(sent, { operationId }).catch(() => undefined);
    await held.reached();
    await workflowOf(operationId).terminate('lost');
    expect(await retry()).toMatchObject({ settled: 1 });
    await held.release();
    await expectInBoth(value);
    expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'compensated' });
    expect(await at.lockstep.control.backlog()).toMatchObject({ pending: 0, tentative: 0, parked: 0 });
  });

  test('a replace of a key that was not there leaves none where the secondary refuses it', async () => {
    const value = newAccount({ balance: refusedByModern });
    await expect(at.lockstep.repository(twin).replace(value)).rejects.toMatchObject({
      code: 'StoreRefused',
      details: { store: 'modern' },
    });
    expect(await rowsOf(at, 'twins', value.id)).toEqual([null, null]);
  });
});
