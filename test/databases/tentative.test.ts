import { expect, test } from 'vitest';
import type { WriteItem } from '../../databases/contract/write.ts';
import { account } from '../support/accounts.ts';
import { fence, forEachEngineRole, migrationName, readOne, writeOf, writeOne } from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };
const taken = { mode: 'tentative', status: 'tentative' } as const;
const given = { mode: 'secondary', kind: 'replace', operationId: null } as const;

forEachEngineRole('a tentative write', (at) => {
  const write = async (id: number, owner: string, change: Partial<WriteItem>, under = fence) =>
    await writeOne(at().store, account, writeOf(account, { ...ada, id, owner }, change), under);
  const entryOf = async (id: string) => {
    const [entry] = await at().store.journal({ migration: migrationName, ids: [id], limit: 1 });
    return entry;
  };

  test('brings rows in, gives no version, and stands in the journal as what it is', async () => {
    const { store, control } = at();
    await at().asSecondary();
    await write(1, 'first', { ...given, version: '5' });
    const tentative = { ...taken, kind: 'replace', version: '9', operationId: 'one' } as const;
    expect(await write(1, 'maybe', tentative)).toEqual({ status: 'applied', version: '9' });
    expect(await readOne(store, account, ['1'])).toMatchObject({ version: '5', image: { owner: 'maybe' } });
    expect(await entryOf('one')).toMatchObject({ status: 'tentative', version: null });
    expect(await store.journalBacklog(migrationName)).toMatchObject({ pending: 0, tentative: 1 });
    expect((await store.journalBacklog(migrationName)).oldestMs).not.toBeNull();
    expect(await write(1, 'maybe', tentative)).toMatchObject({ status: 'known', recorded: 'tentative' });

    const fresh = { ...taken, kind: 'create', version: '9', operationId: 'two' } as const;
    expect(await write(2, 'maybe', fresh)).toMatchObject({ status: 'applied' });
    expect(await readOne(store, account, ['2'])).toMatchObject({ version: '0', image: { owner: 'maybe' } });
    expect(await control('records', 'version = 0')).toEqual([]);
  });

  test('is replaced by whatever the primary decides, also under a version below the one proposed', async () => {
    const { store } = at();
    await at().asSecondary();
    await write(3, 'first', { ...given, version: '5' });
    await write(3, 'maybe', { ...taken, kind: 'replace', version: '90', operationId: 'low' });
    expect(await write(3, 'decided', { ...given, version: '6' })).toEqual({
      status: 'applied',
      version: '6',
    });
    expect(await readOne(store, account, ['3'])).toMatchObject({ version: '6', image: { owner: 'decided' } });
  });

  test('replaces nothing that has a newer version', async () => {
    const { store } = at();
    await at().asSecondary();
    await write(4, 'newer', { ...given, version: '7' });
    expect(await write(4, 'late', { ...taken, version: '7', operationId: 'late' })).toMatchObject({
      status: 'superseded',
    });
    expect(await readOne(store, account, ['4'])).toMatchObject({ version: '7', image: { owner: 'newer' } });
  });

  test('is for a secondary, and not while the primary is being changed', async () => {
    const { store, engineRole } = at();
    await at().asPrimary();
    expect(await write(5, 'maybe', { ...taken, operationId: 'wrong-role' })).toMatchObject({
      status: 'fenced',
    });
    await store.writeState({
      migration: migrationName,
      phase: engineRole.role === 'legacy' ? 'switch-primary' : 'dual-write',
      epoch: 2,
      changeNumber: at().nextChange(),
      open: false,
      readPercent: 0,
      writePercent: 0,
    });
    expect(
      await write(5, 'maybe', { ...taken, operationId: 'closed' }, { ...fence, epoch: 2 }),
    ).toMatchObject({ status: 'fenced' });
    expect(await readOne(store, account, ['5'])).toMatchObject({ image: null });
  });

  test('takes the decision of the primary, once', async () => {
    const { store } = at();
    await at().asSecondary();
    for (const operationId of ['yes', 'no', 'free']) await write(6, 'maybe', { ...taken, operationId });
    await store.settleTentative('yes', { status: 'completed', version: '8', reason: null, refusal: null });
    await store.settleTentative('no', {
      status: 'failed',
      version: '3',
      reason: 'AlreadyExists',
      refusal: null,
    });
    await store.settleTentative('yes', { status: 'aborted', version: null, reason: null, refusal: null });
    expect(await entryOf('yes')).toMatchObject({ status: 'completed', version: '8' });
    expect(await entryOf('no')).toMatchObject({ status: 'failed', version: '3', reason: 'AlreadyExists' });
    for (const id of ['yes', 'no', 'free']) await store.forgetTentative(id);
    expect(await entryOf('yes')).toBeDefined();
    expect(await entryOf('free')).toBeUndefined();
  });

  test('that could not be undone is parked, and still takes the decision', async () => {
    const { store } = at();
    await at().asSecondary();
    await write(7, 'maybe', { ...taken, operationId: 'stuck' });
    await store.park('stuck', { failure: 'CompensationFailed', reason: 'held', undoing: true });
    expect(await entryOf('stuck')).toMatchObject({ status: 'parked', version: null });
    await store.settleTentative('stuck', { status: 'aborted', version: null, reason: null, refusal: null });
    expect(await entryOf('stuck')).toMatchObject({ status: 'aborted' });
  });

  test('is never pruned, however old', async () => {
    const { store, sql, engineRole } = at();
    await at().asSecondary();
    await write(8, 'maybe', { ...taken, operationId: 'old' });
    const operations = engineRole.engine === 'PostgreSQL' ? 'lockstep.operations' : 'lockstep_operations';
    await sql(`UPDATE ${operations} SET created_at = '2020-01-01', updated_at = '2020-01-01'`);
    await store.prune(migrationName, { olderThanMs: 0, limit: 100 });
    expect(await entryOf('old')).toMatchObject({ status: 'tentative' });
  });

  test('under an id that the primary has refused is told why, and of one record the journal lists that alone', async () => {
    const { store } = at();
    await at().asSecondary();
    const closed = { id: 'shut', entity: account.name, key: ['9'], kind: 'create' };
    expect(await store.abort(closed, migrationName)).toMatchObject({ status: 'aborted' });
    const refusal = { code: 'StoreRefused', message: 'refused before', store: 'legacy' } as const;
    await store.settleTentative('shut', { status: 'failed', version: null, reason: null, refusal });
    expect(await write(9, 'maybe', { ...taken, operationId: 'shut' })).toMatchObject({
      status: 'known',
      recorded: 'failed',
      refusal,
    });
    await write(10, 'maybe', { ...taken, operationId: 'other' });
    const record = { entity: account.name, key: ['9'] };
    const found = await store.journal({ migration: migrationName, record, limit: 10 });
    expect(found.map(({ id }) => id)).toEqual(['shut']);
  });
});
