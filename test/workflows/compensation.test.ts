import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StoreName } from '../../model/failure.ts';
import { writeWorkflowId } from '../../workflows/messages.ts';
import { newAccount, refusedByLegacy, refusedByModern, twin } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { entryIn, rowsOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';

/** Temporal's own query, with which its UI shows the details of a workflow. */
const metadataQuery = '__temporal_workflow_metadata';

describe.each(['mysql', 'postgresql'] as const)('with legacy on %s', (from) => {
  let at: RunningMigration;
  beforeAll(async () => {
    at = await runningMigration('dual-write', { from });
  });
  afterAll(() => at?.[Symbol.asyncDispose]());

  const workflowOf = (id: string) => at.temporal.workflow.getHandle(writeWorkflowId(at.migration.name, id));
  const stageOf = async (id: string) => (await at.lockstep.control.writeStatus(id)).stage;
  const detailsOf = async (id: string) =>
    (await workflowOf(id).query<{ currentDetails?: string }>(metadataQuery)).currentDetails ?? '';

  /** A row that something else holds on to cannot be taken back. */
  async function held(store: StoreName, id: number): Promise<() => Promise<void>> {
    const sql = at.sql[store];
    await sql(
      `CREATE TABLE pins_${id} (id integer PRIMARY KEY, CONSTRAINT held_${id} FOREIGN KEY (id) REFERENCES twins (id))`,
    );
    await sql(`INSERT INTO pins_${id} VALUES (${id})`);
    return async () => {
      await sql(`DROP TABLE pins_${id}`);
    };
  }

  test('a write that was undone says in Temporal what was undone and why', async () => {
    const value = newAccount({ balance: refusedByModern });
    const operationId = `told-${value.id}`;
    await expect(at.lockstep.repository(twin).create(value, { operationId })).rejects.toMatchObject({
      code: 'StoreRefused',
    });
    const details = await detailsOf(operationId);
    expect(details).toContain('create of this twin was **undone** in legacy');
    expect(details).toContain('twins_limit');
    const { events } = await workflowOf(operationId).fetchHistory();
    const summaries = (events ?? []).flatMap(({ userMetadata }) =>
      userMetadata?.summary?.data ? [Buffer.from(userMetadata.summary.data).toString('utf8')] : [],
    );
    expect(summaries.join()).toContain('undo create twin in legacy');
    expect(summaries.join() + details).not.toContain(refusedByModern);
  });

  /** What one store refuses is in the other, where it cannot be taken back at first. */
  async function stuck(refusing: StoreName, kept: StoreName) {
    const value = newAccount({ balance: refusing === 'modern' ? refusedByModern : refusedByLegacy });
    const operationId = `stuck-${value.id}`;
    // The row is pinned as soon as it is there: before the other store's refusal is known.
    const write = at.stores[refusing].write;
    let release: (() => Promise<void>) | null = null;
    at.faults[refusing].write = async (...call) => {
      if (call[1].every(({ operationId: id }) => id !== operationId && id !== null))
        return await write(...call);
      await until(
        'the other store has the row',
        async () => (await rowsOf(at, 'twins', value.id))[kept === 'legacy' ? 0 : 1],
      );
      release ??= await held(kept, value.id);
      return await write(...call);
    };
    const failure = await at.lockstep
      .repository(twin)
      .create(value, { operationId })
      .catch((error: unknown) => error);
    delete at.faults[refusing].write;
    const free = async () => await release?.();
    return { value, operationId, failure, free };
  }

  test.each<[StoreName, StoreName, string]>([
    ['modern', 'legacy', 'compensated'],
    // The primary refused, and what the secondary had taken was never decided.
    ['legacy', 'modern', 'failed'],
  ])(
    'what %s refuses and %s cannot take back is parked with both errors, and undone once it can be',
    async (refusing, kept, ended) => {
      const { value, operationId, failure, free } = await stuck(refusing, kept);
      const both = [expect.stringContaining('twins_limit'), expect.stringContaining('foreign key')];
      expect(failure).toMatchObject({ code: 'Parked', details: { operationId } });
      for (const error of both) expect(failure).toMatchObject({ message: error });
      const entry = await entryIn(at, kept, operationId);
      expect(entry).toMatchObject({ status: 'parked', failure: 'CompensationFailed' });
      for (const error of both) expect(entry?.reason).toEqual(error);
      expect(await detailsOf(operationId)).toContain('**Parked**');
      expect(await at.lockstep.control.backlog()).toMatchObject({ parked: 1 });
      expect(await at.lockstep.journal.list({ statuses: ['parked'], limit: 10 })).toMatchObject([
        { id: operationId, store: kept },
      ]);

      await at.lockstep.control.resolve(operationId, 'retry');
      await until('it is parked again', async () => (await stageOf(operationId)) === 'parked');
      await free();
      await at.lockstep.control.resolve(operationId, 'retry');
      await until('it is undone', async () => (await stageOf(operationId)) === 'failed');
      expect(await rowsOf(at, 'twins', value.id)).toEqual([null, null]);
      expect(await entryIn(at, kept, operationId)).toMatchObject({ status: ended });
      expect(await at.lockstep.control.backlog()).toMatchObject({ parked: 0 });
      expect(await detailsOf(operationId)).toContain(`**undone** in ${kept}`);
    },
  );

  test('one that a person gives up undoing says so, and does not claim to be undone', async () => {
    const { value, operationId, free } = await stuck('modern', 'legacy');
    await at.lockstep.control.resolve(operationId, 'discard');
    await until('it has failed', async () => (await stageOf(operationId)) === 'failed');
    await expect(workflowOf(operationId).result()).rejects.toMatchObject({
      cause: { type: 'CompensationFailed', message: expect.stringContaining('was not undone') },
    });
    expect(await detailsOf(operationId)).toContain('was **not undone**');
    expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'discarded' });
    expect(await rowsOf(at, 'twins', value.id)).toEqual([expect.anything(), null]);
    await free();
  });

  test('a retry of the journal has one undone that waits for it, and does not bring it to the other store', async () => {
    const { value, operationId, free } = await stuck('modern', 'legacy');
    await free();
    const retried = await at.lockstep.journal.retry({ parked: true, olderThanMs: 0, ids: [operationId] });
    expect(retried).toMatchObject({ completed: 0, failed: 0, notified: 1 });
    await until('it is undone', async () => (await stageOf(operationId)) === 'failed');
    expect(await rowsOf(at, 'twins', value.id)).toEqual([null, null]);
  });
});
