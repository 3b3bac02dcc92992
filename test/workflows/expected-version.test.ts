import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Repository, WriteOptions } from '../../client/service/repository.ts';
import { tokenOf } from '../../client/service/token.ts';
import { type Account, account, newAccount, twin } from '../support/accounts.ts';
import { type Moving, moving } from '../support/harness.ts';
import { entryIn, rowsOf, settled } from '../support/inspect.ts';

type Write = (records: Repository<Account>, value: Account, options: WriteOptions) => Promise<unknown>;

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
  let at: Moving;
  beforeAll(async () => {
    at = await moving('dual-write', { from });
  });
  afterAll(() => at?.[Symbol.asyncDispose]());

  test.each(writes)(
    'a %s that expects an older version is refused, and told the current one',
    async (_, write) => {
      const records = at.lockstep.repository(entity);
      const value = newAccount();
      const { token } = await records.create(value);
      const { version: current } = await records.update(value.id, { owner: 'newer' });
      const options = { expected: token ?? '', operationId: `conflict-${value.id}` };
      const refused = {
        code: 'VersionConflict',
        details: { entity: entity.name, operationId: options.operationId, version: current },
        message: expect.stringContaining(`at version ${current}`),
      };
      await expect(write(records, value, options)).rejects.toMatchObject(refused);
      expect(await entryIn(at, 'legacy', options.operationId)).toMatchObject({ failure: 'VersionConflict' });
      await settled(at);
      for (const row of await rowsOf(at, table, value.id)) expect(row).toMatchObject({ owner: 'newer' });
      // Sent again, also when the expectation would hold by now.
      await expect(write(records, value, options)).rejects.toMatchObject(refused);
    },
  );

  test('a write that expects the version that was read is taken, once', async () => {
    const records = at.lockstep.repository(entity);
    const value = newAccount();
    await records.create(value);
    const { value: read, token } = await records.getWithToken(value.id);
    expect(read).toEqual(value);
    const results = await Promise.allSettled(
      [1, 2, 3, 4].map((turn) => records.update(value.id, { owner: `turn ${turn}` }, { expected: token })),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'VersionConflict' });
    }
  });

  test('a create may expect that a key was never there, a delete leaves a version to expect', async () => {
    const records = at.lockstep.repository(entity);
    const value = newAccount();
    const { value: nothing, token: never } = await records.getWithToken(value.id);
    expect(nothing).toBeNull();
    expect(never).toBe(tokenOf('0'));
    await records.create(value, { expected: never });
    const { token: deleted } = await records.delete(value.id);
    await expect(records.create(value, { expected: never })).rejects.toMatchObject({
      code: 'VersionConflict',
    });
    await records.create(value, { expected: deleted ?? '' });
  });
});
