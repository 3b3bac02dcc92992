import { beforeEach, expect, test } from 'vitest';
import { loadPending } from '../../activities/backfill/load-pending.ts';
import type { Leftover } from '../../databases/contract/backfill.ts';
import type { Store } from '../../databases/contract/store.ts';
import { type ServerCondition, serverConditions } from '../../databases/engine/server-conditions.ts';
import type { Key } from '../../model/canonical.ts';
import { type Account, account } from '../support/accounts.ts';
import { addFailingTrigger, type ServerError } from '../support/failing-trigger.ts';
import { fence, forEachEngineRole, migrationName, writeOf, writeOne } from './engine-roles.ts';

const { disk, memory, connections, readOnly, lock, time } = serverConditions;
const enospc = '28 "No space left on device"';

interface Known {
  code: string;
  /** Null where the server does not say what would help. */
  obstacle: ServerCondition | null;
  text?: string;
}

/** By code and, where the code passes on what a file or an engine said, its text. */
const known: Record<ServerError['engine'], readonly Known[]> = {
  PostgreSQL: [
    { code: '53100', obstacle: disk },
    { code: '53200', obstacle: memory },
    { code: '53300', obstacle: connections },
    { code: '25006', obstacle: readOnly },
    { code: '57014', obstacle: time },
    { code: '58030', obstacle: null },
  ],
  MariaDB: [
    { code: '1021', obstacle: disk },
    { code: '1114', obstacle: disk, text: "The table 'accounts' is full" },
    { code: '20', obstacle: disk },
    { code: '3', obstacle: disk, text: `Error writing file 'secret' (Errcode: ${enospc})` },
    { code: '1026', obstacle: disk, text: `Error writing file 'secret' (errno: ${enospc})` },
    { code: '1030', obstacle: disk, text: `Got error ${enospc} from storage engine InnoDB` },
    { code: '1030', obstacle: disk, text: 'Got error 189 "secret" from storage engine InnoDB' },
    { code: '1026', obstacle: null, text: `Error writing file 'secret' (errno: 5 "Input/output error")` },
    { code: '1041', obstacle: memory },
    { code: '1040', obstacle: connections },
    { code: '1290', obstacle: readOnly },
    { code: '1205', obstacle: lock },
    { code: '1969', obstacle: time },
  ],
};

const full = { owner: 'Ada', email: null, balance: '1.00' };
const rows = [1, 2, 3].map((id) => ({ ...full, id }));

forEachEngineRole('what takes nothing for now', (at, { engine }) => {
  beforeEach(async () => {
    await at().asSecondary();
    await at().store.planChunks(migrationName, account.name, []);
  });

  async function copying(store: Store, given: readonly Account[] = rows) {
    const items = given.map((row) => writeOf(account, row));
    const { page, notLoadable } = (await store.pageTarget(account)).pageOf(
      items.flatMap(({ key, image }) => (image ? [{ key, image }] : [])),
    );
    expect(notLoadable).toEqual([]);
    const [planned] = await store.chunks(migrationName, account.name);
    if (!planned) throw new Error('no chunk is planned');
    const put = (apart: readonly Key[]) => {
      const leftover = async (keys: readonly Key[]): Promise<Leftover> => ({
        items: items
          .filter(({ key }) => keys.some(([id]) => id === key[0]))
          .map((item) => ({ ...item, mode: 'copy', version: '0', operationId: null })),
        unreadable: [],
        lossy: [],
      });
      const step = {
        from: planned,
        next: { cursor: ['9'], done: true },
        checkExisting: false,
        checkParents: false,
      };
      return loadPending(store, account, { leftover }, { page, notLoadable: apart }, step, fence);
    };
    return { put, planned };
  }

  test.each(known[engine])('$code is no refusal, and tells what helps', async ({ code, obstacle, text }) => {
    const { store, sql } = at();
    const { put, planned } = await copying(store);
    const secondaryWrite = { mode: 'secondary', version: '5', operationId: null } as const;
    const release = await addFailingTrigger(sql, 'accounts', { engine, code, ...(text ? { text } : {}) }, 1);
    try {
      for (const work of [
        () => put([]),
        () => put([['3']]),
        () => writeOne(store, account, writeOf(account, { ...full, id: 3 }, secondaryWrite)),
      ]) {
        const failure: unknown = await work().catch((error: unknown) => error);
        expect(failure).toMatchObject({ code: 'StoreUnavailable', details: { store: store.name } });
        const { message } = failure as Error;
        expect(message).toContain(`the ${store.name} store`);
        if (obstacle) expect(message).toContain(`${code} (${obstacle.cause})`);
        for (const part of obstacle?.remedy.split('{url}') ?? []) expect(message).toContain(part);
        expect(message).not.toContain('secret');
      }
      expect(await sql('SELECT id FROM accounts')).toEqual([]);
      expect(await store.differences(migrationName, 10)).toEqual([]);
      expect(await store.chunks(migrationName, account.name)).toEqual([planned]);
    } finally {
      await release();
    }
    expect(await put([])).toMatchObject({ status: 'committed', copied: 3, refused: 0 });
    await sql('DELETE FROM accounts');
  });

  test('again and again leaves nothing of a page on the connection', async () => {
    const { sql } = at();
    const { put } = await copying(at().open());
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    const release = await addFailingTrigger(sql, 'accounts', { engine, code: known[engine][0]?.code ?? '' });
    try {
      for (let load = 0; load < 12; load++) await expect(put([])).rejects.toThrow();
      expect(warnings).toEqual([]);
    } finally {
      process.off('warning', note);
      await release();
    }
  });

  test('while more than the network holds is on its way ends nothing but the load', async () => {
    const { store, sql } = at();
    // As long as the column may be.
    const filler = 'e'.repeat(engine === 'PostgreSQL' ? 2_000 : 90);
    const many = Array.from({ length: 15_000 }, (_, index) => ({
      ...full,
      id: index + 1,
      email: `${index}${filler}`,
    }));
    const { put } = await copying(store, many);
    const [said] = known[engine];
    const release = await addFailingTrigger(sql, 'accounts', {
      engine,
      code: said?.code ?? '',
      afterSeconds: 1,
    });
    for (let load = 0; load < 3; load++)
      await expect(put([])).rejects.toMatchObject({ code: 'StoreUnavailable' });
    await release();
    expect(await put([])).toMatchObject({ status: 'committed', copied: many.length, refused: 0 });
    await sql('DELETE FROM accounts');
  });
});
