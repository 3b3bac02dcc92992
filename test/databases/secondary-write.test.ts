import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import type { WriteItem } from '../../databases/contract/write.ts';
import { account } from '../support/accounts.ts';
import { deleteOf, fence, forEachEngineRole, readOne, writeOf, writeOne } from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };
const secondaryWrite = { mode: 'secondary', kind: 'replace', operationId: null } as const;
/** What is tentative is not attempted: it locks record and row one after the other. */
const modes = [secondaryWrite, { ...secondaryWrite, mode: 'tentative' }] as const;

forEachEngineRole('a following write', (at, { engine }) => {
  const records = engine === 'PostgreSQL' ? 'lockstep.records' : 'lockstep_records';
  beforeEach(() => at().asSecondary());

  test('takes image and version as given', async () => {
    const { store } = at();
    const write = writeOf(account, { ...ada, id: 10 }, { ...secondaryWrite, version: '5' });
    expect(await writeOne(store, account, write)).toEqual({ status: 'applied', version: '5' });
    expect(await readOne(store, account, ['10'])).toMatchObject({ version: '5', image: write.image });
  });

  test('repeated, or older, changes nothing', async () => {
    const { store } = at();
    const newer = writeOf(account, { ...ada, id: 11, owner: 'new' }, { ...secondaryWrite, version: '5' });
    const older = writeOf(account, { ...ada, id: 11, owner: 'old' }, { ...secondaryWrite, version: '4' });
    await writeOne(store, account, newer);
    for (const late of [newer, older]) {
      expect(await writeOne(store, account, late)).toEqual({ status: 'superseded', version: '5' });
    }
    expect((await readOne(store, account, ['11'])).image).toEqual(newer.image);
  });

  test('that deletes leaves a tombstone, also where there was no row, and a late write does not come back', async () => {
    const { store, sql } = at();
    expect(await writeOne(store, account, deleteOf(['12'], { ...secondaryWrite, version: '9' }))).toEqual({
      status: 'applied',
      version: '9',
    });
    const late = writeOf(account, { ...ada, id: 12 }, { ...secondaryWrite, version: '8' });
    expect(await writeOne(store, account, late)).toEqual({ status: 'superseded', version: '9' });
    expect(await sql('SELECT * FROM accounts WHERE id = 12')).toEqual([]);
    expect(await readOne(store, account, ['12'])).toMatchObject({ version: '9', deleted: true, image: null });
  });

  test('in a partial update loses no column, because it carries the whole image', async () => {
    const { store } = at();
    const first = writeOf(account, { ...ada, id: 13, email: 'a@b.c' }, { ...secondaryWrite, version: '1' });
    const owner = writeOf(
      account,
      { ...ada, id: 13, email: 'a@b.c', owner: 'Grace' },
      { ...secondaryWrite, version: '2' },
    );
    const balance = writeOf(
      account,
      { ...ada, id: 13, email: 'a@b.c', owner: 'Grace', balance: '9.00' },
      { ...secondaryWrite, version: '3' },
    );
    for (const write of [first, balance, owner]) await writeOne(store, account, write);
    expect((await readOne(store, account, ['13'])).image).toEqual(balance.image);
  });

  test('is recorded under its operation id, whether it is applied or superseded', async () => {
    const { store, control } = at();
    const newer = writeOf(
      account,
      { ...ada, id: 14 },
      { ...secondaryWrite, version: '5', operationId: 'follow-newer' },
    );
    const older = writeOf(
      account,
      { ...ada, id: 14 },
      { ...secondaryWrite, version: '4', operationId: 'follow-older' },
    );
    await writeOne(store, account, newer);
    await writeOne(store, account, older);
    expect(await writeOne(store, account, newer)).toMatchObject({ status: 'known', recorded: 'completed' });
    expect(await writeOne(store, account, older)).toMatchObject({ status: 'known', recorded: 'completed' });
    expect(await control('operations', `id LIKE 'follow-%'`)).toHaveLength(2);
  });

  test('in any order ends in the highest, tombstones included', async () => {
    const { store } = at();
    let id = 1_000;
    const history = fc.array(fc.boolean(), { minLength: 2, maxLength: 7 }).chain((kinds) =>
      fc.tuple(
        fc.constant(kinds),
        fc.shuffledSubarray(
          kinds.map((_, index) => index),
          { minLength: kinds.length },
        ),
      ),
    );
    await fc.assert(
      fc.asyncProperty(history, fc.boolean(), async ([kinds, order], together) => {
        id += 1;
        const writes = kinds.map((deletes, index): WriteItem => {
          const given = { ...secondaryWrite, version: String(index + 1) };
          return deletes
            ? deleteOf([String(id)], given)
            : writeOf(account, { ...ada, id, owner: `version ${index + 1}` }, given);
        });
        const arriving = order.flatMap((index) => writes[index] ?? []);
        if (together) await store.write(account, arriving, fence);
        else await Promise.all(arriving.map((write) => writeOne(store, account, write)));
        const last = writes.at(-1);
        expect(await readOne(store, account, [String(id)])).toMatchObject({
          version: last?.version,
          image: last?.image,
          deleted: last?.image === null,
        });
      }),
      { numRuns: 40 },
    );
  });

  test.each(modes)('that is $mode waits for a row that another session is inserting', async (given) => {
    const { store, another } = at();
    const other = await another();
    await other.rows('BEGIN');
    await other.rows(`INSERT INTO accounts (id, owner, balance) VALUES (15, 'a page', 0)`);
    const write = writeOf(account, { ...ada, id: 15 }, { ...given, version: '5' });
    const writing = writeOne(store, account, write);
    await (await another()).waiting();
    await other.rows('COMMIT');
    expect(await writing).toEqual({ status: 'applied', version: '5' });
    expect(await readOne(store, account, ['15'])).toMatchObject({ image: write.image });
  });

  test.each(modes)('that is $mode sees the row that came with the version it waited for', async (given) => {
    const { store, another } = at();
    const id = 16;
    await writeOne(store, account, writeOf(account, { ...ada, id }, { ...secondaryWrite, version: '5' }));
    await writeOne(store, account, deleteOf([String(id)], { ...secondaryWrite, version: '6' }));
    const other = await another();
    await other.rows('BEGIN');
    const record = `entity = 'account' AND record_key = '["${id}"]'`;
    await other.rows(`UPDATE ${records} SET version = 7 WHERE ${record}`);
    const write = writeOf(account, { ...ada, id }, { ...given, version: '8' });
    const writing = writeOne(store, account, write);
    await (await another()).waiting();
    await other.rows(`INSERT INTO accounts (id, owner, balance) VALUES (${id}, 'another write', 0)`);
    await other.rows('COMMIT');
    expect(await writing).toEqual({ status: 'applied', version: '8' });
    expect(await readOne(store, account, [String(id)])).toMatchObject({ image: write.image });
  });
});
