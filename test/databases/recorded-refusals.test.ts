import { expect, test } from 'vitest';
import type { RecordedRefusal } from '../../databases/contract/recorded-refusal.ts';
import { account } from '../support/accounts.ts';
import {
  deleteOf,
  fence,
  forEachEngineRole,
  migrationName,
  readOne,
  writeOf,
  writeOne,
} from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: 'ada@example.org', balance: '1.00' };
const twin = { ...ada, id: 2, owner: 'Grace' };

forEachEngineRole('what a primary refuses for good', (at) => {
  const entryOf = async (id: string | null) =>
    (await at().store.journal({ migration: migrationName, ids: [id ?? ''], limit: 1 }))[0];

  test('is noted, and refused again in the same way when nothing is in the way any more', async () => {
    const { store, engineRole } = at();
    await writeOne(store, account, writeOf(account, ada));
    const write = writeOf(account, twin, { kind: 'create' });
    const first = await writeOne(store, account, write);
    if (first.status !== 'failed') throw new TypeError('the database took a value twice');
    await writeOne(store, account, deleteOf(['1']));
    const refusal = {
      code: 'UniqueConflict',
      message: first.failure.message,
      store: engineRole.role,
      about: 'row',
      violation: 'unique',
    };
    const known = { status: 'known', recorded: 'failed', version: null, refusal };
    expect(await writeOne(store, account, write)).toMatchObject(known);
    expect(await writeOne(store, account, { ...write, readVersion: '9' })).toMatchObject(known);
    expect(await readOne(store, account, ['2'])).toMatchObject({ version: '0', image: null });
    const entry = await entryOf(write.operationId);
    expect(entry).toMatchObject({ status: 'failed', failure: 'UniqueConflict', refusal, before: null });
    expect(JSON.stringify(await at().control('operations', `id = '${write.operationId}'`))).not.toContain(
      'example.org',
    );
  });

  test('is noted for each item of a list, whose neighbours get in', async () => {
    const { store } = at();
    await writeOne(store, account, writeOf(account, ada));
    const items = [3, 4, 5, 6].map((id) =>
      writeOf(account, { ...ada, id, email: id % 2 === 0 ? null : ada.email }),
    );
    const outcomes = await store.write(account, items, fence);
    expect(outcomes.map(({ status }) => status)).toEqual(['failed', 'applied', 'failed', 'applied']);
    const again = await store.write(account, items, fence);
    expect(again).toMatchObject(
      ['failed', 'completed', 'failed', 'completed'].map((recorded) => ({ status: 'known', recorded })),
    );
  });

  test('is what another try has come to, where that was first', async () => {
    const { store, open } = at();
    const write = writeOf(account, ada);
    const refusal: RecordedRefusal = { code: 'InvalidEntity', message: 'owner: too short', store: 'legacy' };
    const operation = { id: write.operationId ?? '', key: write.key, kind: 'replace', refusal };
    await writeOne(store, account, write);
    expect(await store.refuse(account, [operation], fence)).toMatchObject([
      { status: 'completed', version: '1', refusal: null },
    ]);
    const other = { ...operation, id: 'refused-before' };
    expect(await open().refuse(account, [other], fence)).toMatchObject([{ status: 'failed', refusal }]);
    const later = { ...refusal, message: 'owner: too long' };
    expect(await store.refuse(account, [{ ...other, refusal: later }], fence)).toMatchObject([{ refusal }]);
  });

  test('is not noted by a store that is not the primary any more: the new one would not know it', async () => {
    const { store, control } = at();
    const refusal: RecordedRefusal = { code: 'StoreRefused', message: 'no', store: 'legacy' };
    const operation = { id: 'late', key: ['1'], kind: 'create', refusal };
    await at().asSecondary(2);
    for (const epoch of [1, 2]) {
      const noting = store.refuse(account, [operation], { ...fence, epoch });
      await expect(noting).rejects.toMatchObject({ code: 'Fenced' });
    }
    expect(await control('operations')).toEqual([]);
  });

  test('is not noted of an undo, which may be tried again, nor by a secondary', async () => {
    const { store, control } = at();
    await writeOne(store, account, writeOf(account, ada));
    const undo = { ...writeOf(account, twin), kind: 'restore' as const };
    expect(await writeOne(store, account, undo)).toMatchObject({ status: 'failed' });
    await at().asSecondary(2);
    const copied = { ...writeOf(account, twin), mode: 'secondary' as const, version: '9' };
    expect(await store.write(account, [copied], { ...fence, epoch: 2 })).toMatchObject([
      { status: 'failed' },
    ]);
    const ids = [undo.operationId, copied.operationId].map((id) => `'${id}'`);
    expect(await control('operations', `id IN (${ids.join(', ')})`)).toEqual([]);
  });

  test('is known where the other store has become the primary', async () => {
    const { store } = at();
    await writeOne(store, account, writeOf(account, ada));
    const write = writeOf(account, twin, { kind: 'create' });
    await writeOne(store, account, write);
    const page = { which: 'uncopied', after: null, youngerThanMs: 3_600_000, limit: 100 } as const;
    const uncopied = await store.recordedOutcomes('operations', migrationName, page);
    const outcome = uncopied.find(({ id }) => id === write.operationId);
    if (!outcome) throw new TypeError('a refusal is not passed on');
    const id = `${outcome.id}-elsewhere`;
    await store.takeOutcomes('operations', [{ ...outcome, id }], fence);
    expect(await writeOne(store, account, { ...write, operationId: id })).toMatchObject({
      status: 'known',
      recorded: 'failed',
      refusal: { code: 'UniqueConflict', violation: 'unique' },
    });
  });
});
