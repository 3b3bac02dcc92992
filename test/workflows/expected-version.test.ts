import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Repository } from '../../client/service/repository.ts';
import type { WriteOptions } from '../../client/service/write-options.ts';
import { tokenOf } from '../../model/token.ts';
import { type Account, account, newAccount, twin } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, entryIn, rowsOf } from '../support/inspect.ts';

type Write = (
  records: Repository<Account, 'id', 'primary' | 'both'>,
  value: Account,
  options: WriteOptions,
) => Promise<unknown>;

const writes: [string, Write][] = [
  ['create', (records, value, options) => records.create(value, options)],
  ['replace', (records, value, options) => records.replace({ ...value, owner: 'lost' }, options)],
  ['update', (records, value, options) => records.update(value.id, { owner: 'lost' }, options)],
  ['delete', (records, value, options) => records.delete(value.id, options)],
];

describe.each([
  { from: 'mysql' as const, entity: account, table: 'accounts' },
  { from: 'postgresql' as const, entity: account, table: 'accounts' },
  { from: 'mysql' as const, entity: twin, table: 'twins' },
])('$entity.name with legacy on $from', ({ from, entity, table }) => {
  let at: RunningMigration;
  beforeAll(async () => {
    at = await runningMigration('dual-write', { from });
  });
  afterAll(() => at?.[Symbol.asyncDispose]());

  test.each(writes)(
    'a %s that expects an older version is refused, and told the current one',
    async (_, write) => {
      const records = at.lockstep.repository(entity);
      const value = newAccount();
      const { token } = await records.create(value);
      const { version: current } = await records.update(value.id, { owner: 'newer' });
      const options = { ifUnchangedSince: token, operationId: `conflict-${value.id}` };
      const refused = {
        code: 'VersionConflict',
        details: { entity: entity.name, operationId: options.operationId, version: current },
        message: expect.stringContaining(`at version ${current}`),
      };
      await expect(write(records, value, options)).rejects.toMatchObject(refused);
      expect(await entryIn(at, 'legacy', options.operationId)).toMatchObject({ failure: 'VersionConflict' });
      await drained(at);
      for (const row of await rowsOf(at, table, value.id)) expect(row).toMatchObject({ owner: 'newer' });
      // Sent again, also when the expectation would hold by now.
      await expect(write(records, value, options)).rejects.toMatchObject(refused);
    },
  );

  test('a write that expects the version that was read is taken, once', async () => {
    const records = at.lockstep.repository(entity);
    const value = newAccount();
    await records.create(value);
    const read = await records.get(value.id, { withToken: true });
    if (!read) throw new Error('the record is there');
    expect(read.value).toEqual(value);
    const results = await Promise.allSettled(
      [1, 2, 3, 4].map((turn) =>
        records.update(value.id, { owner: `turn ${turn}` }, { ifUnchangedSince: read.token }),
      ),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'VersionConflict' });
    }
  });

  test('a create may expect that a key was never there, a delete leaves a version to expect', async () => {
    const records = at.lockstep.repository(entity);
    const value = newAccount();
    const never = tokenOf('0');
    expect(await records.get(value.id)).toBeNull();
    await records.create(value, { ifUnchangedSince: never });
    const { token: deleted } = await records.delete(value.id);
    await expect(records.create(value, { ifUnchangedSince: never })).rejects.toMatchObject({
      code: 'VersionConflict',
    });
    await records.create(value, { ifUnchangedSince: deleted });
  });
});
