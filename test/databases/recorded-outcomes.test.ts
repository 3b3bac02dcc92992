import { expect, test } from 'vitest';
import type { OutcomePage, RecordedOutcome } from '../../databases/contract/recorded-outcomes.ts';
import { account } from '../support/accounts.ts';
import { fence, forEachEngineRole, migrationName, type Opened, writeOf, writeOne } from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };
const all: OutcomePage = { which: 'uncopied', after: null, youngerThanMs: 3_600_000, limit: 100 };

const uncopied = ({ store }: Opened, page = all) => store.recordedOutcomes('operations', migrationName, page);

/** An outcome of the other store. */
function decided(id: string, given: Partial<RecordedOutcome> = {}): RecordedOutcome {
  return {
    id,
    migration: migrationName,
    entity: 'account',
    record_key: '["1"]',
    kind: 'create',
    status: 'completed',
    version: '7',
    epoch: '1',
    reason: null,
    failure: null,
    refusal: null,
    attempts: '1',
    updated_at: '1000',
    created_at: '2000',
    ...given,
  };
}

forEachEngineRole('recorded outcomes', (at) => {
  const statusesOf = async (ids: readonly string[]) => {
    const found = await at().store.journal({ migration: migrationName, ids, limit: ids.length });
    return ids.map((id) => found.find((entry) => entry.id === id)?.status);
  };

  test('are those that are over, each until it is noted as copied', async () => {
    const { store } = at();
    for (const id of [1, 2, 3]) await writeOne(store, account, writeOf(account, { ...ada, id }));
    await writeOne(store, account, writeOf(account, { ...ada, id: 4 }, { status: 'pending', before: null }));
    const found = await uncopied(at());
    expect(found).toHaveLength(3);
    expect(found[0]).toMatchObject({ entity: 'account', status: 'completed', version: '1', epoch: '1' });
    const page = { ...all, after: found[0]?.id ?? null, limit: 1 };
    expect(await uncopied(at(), page)).toMatchObject([{ id: found[1]?.id }]);
    expect(await uncopied(at(), { ...all, youngerThanMs: 0 })).toEqual([]);
    await store.markCopied('operations', found);
    expect(await uncopied(at())).toEqual([]);
  });

  test('that have changed are not taken for copied', async () => {
    const { store } = at();
    const write = writeOf(account, ada);
    await writeOne(store, account, write);
    const found = await uncopied(at());
    await store.setOperationStatus([write.operationId ?? ''], 'compensated');
    await store.markCopied('operations', found);
    const changed = await uncopied(at());
    expect(changed).toMatchObject([{ id: write.operationId, status: 'compensated' }]);
    await store.markCopied('operations', changed);
    expect(await uncopied(at())).toEqual([]);
  });

  test('that change once they were copied are copied again', async () => {
    const { store } = at();
    const write = writeOf(account, ada);
    await writeOne(store, account, write);
    await store.markCopied('operations', await uncopied(at()));
    await store.setOperationStatus([write.operationId ?? ''], 'compensated');
    expect(await uncopied(at())).toMatchObject([{ id: write.operationId, status: 'compensated' }]);
  });

  test('answer the operation when it is sent again, with its age', async () => {
    const { store } = at();
    const write = writeOf(account, ada, { kind: 'create' });
    const id = write.operationId ?? '';
    const outcome = decided(id, { status: 'failed', reason: 'AlreadyExists', updated_at: '60000' });
    expect(await store.takeOutcomes('operations', [outcome], fence)).toEqual(new Set([id]));
    expect(await writeOne(store, account, write)).toMatchObject({
      status: 'known',
      recorded: 'failed',
      reason: 'AlreadyExists',
      version: '7',
    });
    const [entry] = await store.journal({ migration: migrationName, ids: [id], limit: 1 });
    expect(Date.now() - (entry?.updatedAtMs ?? 0)).toBeGreaterThan(55_000);
    // What comes from the other store is not sent back.
    expect(await uncopied(at())).toEqual([]);
  });

  test('replace what this store noted of the same operation, unless a person is to decide about it', async () => {
    const { store } = at();
    const [closed, parked] = [
      writeOf(account, ada),
      writeOf(account, { ...ada, id: 2 }, { status: 'pending' }),
    ];
    const [closedId, parkedId] = [closed.operationId ?? '', parked.operationId ?? ''];
    const entry = { id: closedId, entity: 'account', key: closed.key, kind: 'replace' };
    await store.abort(entry, migrationName);
    await writeOne(store, account, parked);
    await store.park(parkedId, { failure: 'StoreRefused', reason: 'refused' });
    const outcomes = [decided(closedId), decided(parkedId)];
    expect(await store.takeOutcomes('operations', outcomes, fence)).toEqual(new Set([closedId]));
    const entries = await store.journal({ migration: migrationName, ids: [closedId, parkedId], limit: 2 });
    const statuses = new Map(entries.map(({ id, status }) => [id, status]));
    expect(statuses.get(closedId)).toBe('completed');
    expect(statuses.get(parkedId)).toBe('parked');
  });

  test('all of them, copied or from the other store, are there for one that lost them', async () => {
    const { store } = at();
    await writeOne(store, account, writeOf(account, ada));
    await store.markCopied('operations', await uncopied(at()));
    await store.takeOutcomes('operations', [decided('from elsewhere')], fence);
    expect(await uncopied(at())).toEqual([]);
    expect(await uncopied(at(), { ...all, which: 'all' })).toHaveLength(2);
  });

  /** Ids of a write that was decided here, of one that is pending, and of one taken as the secondary of epoch 2. */
  async function takenInBothRoles(): Promise<string[]> {
    const { store } = at();
    const [own, open] = [writeOf(account, ada), writeOf(account, { ...ada, id: 2 }, { status: 'pending' })];
    for (const write of [own, open]) await writeOne(store, account, write);
    await at().asSecondary(2);
    const tentative = {
      ...writeOf(account, { ...ada, id: 3 }),
      mode: 'tentative',
      status: 'tentative',
    } as const;
    await store.write(account, [tentative], { ...fence, epoch: 2 });
    return [own, open, tentative].map(({ operationId }) => operationId ?? '');
  }

  test('come back to a primary that was set back where it has none, or took the operation when it was the secondary', async () => {
    const { store } = at();
    const ids = await takenInBothRoles();
    await at().asPrimary(3);
    const outcomes = [...ids, 'lost'].map((id) => decided(id, { status: 'compensated' }));
    await store.takeOutcomes('operations', outcomes, { ...fence, epoch: 3 }, { restored: true });
    expect(await statusesOf([...ids, 'lost'])).toEqual([
      'completed',
      'pending',
      'compensated',
      'compensated',
    ]);
  });

  test('of the primary replace what a secondary that was set back has, but for what it took since', async () => {
    const { store } = at();
    const ids = await takenInBothRoles();
    const outcomes = [...ids, 'lost'].map((id) => decided(id, { status: 'compensated' }));
    await store.takeOutcomes('operations', outcomes, { ...fence, epoch: 2 }, { restored: true });
    expect(await statusesOf([...ids, 'lost'])).toEqual([
      'compensated',
      'compensated',
      'tentative',
      'compensated',
    ]);
  });

  test('are not taken under another epoch: what comes late must not replace a decision', async () => {
    const { store, control } = at();
    await at().asPrimary(2);
    const taking = store.takeOutcomes('operations', [decided('late')], fence);
    await expect(taking).rejects.toMatchObject({ code: 'Fenced' });
    expect(await control('operations')).toEqual([]);
  });
});
