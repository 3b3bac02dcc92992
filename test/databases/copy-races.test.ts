import { beforeEach, expect, test } from 'vitest';
import type { Chunk } from '../../databases/contract/backfill.ts';
import { account } from '../support/accounts.ts';
import { copyLeftover } from './copy-leftover.ts';
import {
  deleteOf,
  fence,
  forEachEngineRole,
  migrationName,
  readOne,
  writeOf,
  writeOne,
} from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };
const copied = { mode: 'copy', kind: 'replace', version: '0', operationId: null } as const;
const secondaryWrite = { mode: 'secondary', kind: 'replace', operationId: null } as const;

/** `email` holds a copy or a live write up behind another's uncommitted row, after it has taken its locks. */
const held = (id: number) => writeOf(account, { ...ada, id, email: `held ${id}` }, copied);

forEachEngineRole('a copy under live writes', (at) => {
  let chunk: Chunk | undefined;
  beforeEach(async () => {
    await at().asSecondary();
    await at().store.planChunks(migrationName, 'account', []);
    [chunk] = await at().store.chunks(migrationName, 'account');
  });
  const here = () => {
    if (!chunk) throw new Error('no chunk is planned');
    return chunk;
  };

  test('does not bring back what a delete removes while the chunk is under way', async () => {
    const { store, sql, another } = at();
    const blocker = await another();
    const watcher = await another();
    await blocker.rows('START TRANSACTION');
    await blocker.rows(
      `INSERT INTO accounts (id, owner, email, balance) VALUES (9000, 'other', 'held 12', 1)`,
    );
    const items = [writeOf(account, { ...ada, id: 11 }, copied), held(12)];
    const copying = copyLeftover(store, account, items, here());
    await watcher.waiting(1);
    const deleting = writeOne(store, account, deleteOf(['11'], { ...secondaryWrite, version: '5' }));
    await watcher.waiting(2);
    await blocker.rows('ROLLBACK');
    expect(await copying).toMatchObject({ status: 'committed', copied: 2 });
    expect(await deleting).toEqual({ status: 'applied', version: '5' });
    expect(await sql('SELECT * FROM accounts WHERE id = 11')).toEqual([]);
    expect(await readOne(store, account, ['11'])).toMatchObject({ version: '5', deleted: true });
  });

  test('does not bring back what a delete has removed that commits while the chunk waits', async () => {
    const { store, sql, another } = at();
    const blocker = await another();
    const watcher = await another();
    await blocker.rows('START TRANSACTION');
    await blocker.rows(
      `INSERT INTO accounts (id, owner, email, balance) VALUES (9000, 'other', 'held 21', 1)`,
    );
    // One transaction that deletes key 22 and then waits: its tombstone is not visible when the copy begins.
    const deleting = store.write(
      account,
      [
        deleteOf(['20'], { ...secondaryWrite, version: '5' }),
        writeOf(account, { ...ada, id: 21, email: 'held 21' }, { ...secondaryWrite, version: '5' }),
      ],
      fence,
    );
    await watcher.waiting(1);
    const copying = copyLeftover(store, account, [writeOf(account, { ...ada, id: 20 }, copied)], here());
    await watcher.waiting(2);
    await blocker.rows('ROLLBACK');
    expect((await deleting).map(({ status }) => status)).toEqual(['applied', 'applied']);
    expect(await copying).toMatchObject({ status: 'committed', copied: 0, skipped: 1 });
    expect(await sql('SELECT * FROM accounts WHERE id = 20')).toEqual([]);
  });

  test('keeps rows and checkpoint together when the connection goes', async () => {
    const { store, another, open, sql } = at();
    // Sooner than a page gives way to a lock, which it does many times.
    const impatient = open({ options: { statementTimeoutMs: 300 } });
    const blocker = await another();
    const before = (await store.chunks(migrationName, 'account'))[0];
    await blocker.rows('START TRANSACTION');
    await blocker.rows(
      `INSERT INTO accounts (id, owner, email, balance) VALUES (9000, 'other', 'held 32', 1)`,
    );
    const items = [writeOf(account, { ...ada, id: 31 }, copied), held(32)];
    await expect(
      copyLeftover(impatient, account, items, here(), { next: { cursor: ['32'] } }),
    ).rejects.toMatchObject({ code: 'StoreUnavailable' });
    await blocker.rows('ROLLBACK');
    expect((await store.chunks(migrationName, 'account'))[0]).toEqual(before);
    expect(await sql('SELECT * FROM accounts WHERE id = 31')).toEqual([]);
  });

  test('ends at the live writes, whoever comes first', async () => {
    const { store } = at();
    const ids = Array.from({ length: 40 }, (_, index) => 1_000 + index);
    const live = ids.map((id, index) =>
      index % 3 === 0
        ? deleteOf([String(id)], { ...secondaryWrite, version: '9' })
        : writeOf(account, { ...ada, id, owner: 'live' }, { ...secondaryWrite, version: '9' }),
    );
    const copies = ids.map((id) => writeOf(account, { ...ada, id, owner: 'old' }, copied));
    await Promise.all([
      copyLeftover(store, account, copies.slice(0, 20), here()),
      copyLeftover(store, account, copies.slice(20), here()),
      ...live.map((write) => writeOne(store, account, write)),
    ]);
    const stored = await store.read(
      account,
      ids.map((id) => [String(id)]),
    );
    expect(stored.map(({ version, image }) => ({ version, image }))).toEqual(
      live.map(({ image }) => ({ version: '9', image })),
    );
  });
});
