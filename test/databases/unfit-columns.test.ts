import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { loadPending } from '../../activities/backfill/load-pending.ts';
import type { WriteItem } from '../../databases/contract/write.ts';
import type { Key } from '../../model/canonical.ts';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { table } from '../../model/shape.ts';
import { fence, firstPage, migrationName, type Opened, openRole, writeOf, writeOne } from './engine-roles.ts';

interface Session {
  id: number;
  expiry: bigint;
  agent: string;
  paid: string;
}

const session = entity({
  name: 'session',
  schema: z.custom<Session>(),
  fields: {
    id: field.integer(),
    expiry: field.bigint(),
    agent: field.text(),
    paid: field.decimal({ scale: 2 }),
  },
  key: 'id',
  legacy: table('sessions'),
  modern: table('sessions'),
});
const rows = {
  1: { id: 1, expiry: 1n, agent: 'fits', paid: '-92233720368547758.08' },
  2: { id: 2, expiry: 2n ** 64n - 1n, agent: 'one that is far too long', paid: '92233720368547758.08' },
};
const named =
  /^SQLSTATE 2200[13] \(.*\): sessions\.expiry is out of the range of bigint, sessions\.agent is longer than character varying\(10\), sessions\.paid is out of the range of money; correct the value, or widen the column$/;

let mariadb: Opened;
let postgresql: Opened;
beforeAll(async () => {
  mariadb = await openRole(
    { engine: 'MariaDB', role: 'legacy' },
    {
      entities: [session],
      onlyTables: [
        'CREATE TABLE sessions (id INT PRIMARY KEY, expiry BIGINT UNSIGNED NOT NULL, agent TEXT NOT NULL, paid DECIMAL(30,2) NOT NULL)',
      ],
    },
  );
  postgresql = await openRole(
    { engine: 'PostgreSQL', role: 'modern' },
    {
      entities: [session],
      onlyTables: [
        'CREATE TABLE sessions (id integer PRIMARY KEY, expiry bigint NOT NULL, agent varchar(10) NOT NULL, paid money NOT NULL)',
      ],
    },
  );
});
afterAll(async () => {
  await postgresql?.[Symbol.asyncDispose]();
  await mariadb?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  for (const opened of [mariadb, postgresql]) {
    await opened.sql('DELETE FROM sessions');
    await opened.reset();
  }
  await postgresql.asSecondary();
});

test('a write is told which columns have no room for its values, without them', async () => {
  const given = { mode: 'secondary', kind: 'replace', operationId: null, version: '4' } as const;
  const outcome = await writeOne(postgresql.store, session, writeOf(session, rows[2], given), fence);
  expect(outcome).toMatchObject({ status: 'failed', failure: { message: expect.stringMatching(named) } });
});

test('so is a copy', async () => {
  for (const { id, expiry, agent, paid } of Object.values(rows))
    await mariadb.sql(`INSERT INTO sessions VALUES (${id}, ${expiry}, '${agent}', ${paid})`);
  await postgresql.store.planChunks(migrationName, session.name, []);
  const { from, read } = await firstPage(mariadb, postgresql, session);
  const leftover = async (keys: readonly Key[]) => ({
    items: (await mariadb.store.read(session, keys)).map(({ key, image }): WriteItem => {
      const given = { mode: 'copy', kind: 'replace', version: '0', operationId: null } as const;
      return { ...given, key, image, status: 'completed', sharedVersions: [] };
    }),
    unreadable: [],
    lossy: [],
  });
  const step = { from, next: { cursor: read.last, done: true }, checkExisting: false, checkParents: false };
  const result = await loadPending(postgresql.store, session, { leftover }, read, step, fence);
  expect(result).toMatchObject({ copied: 1, refused: 1 });
  expect(await postgresql.store.differences(migrationName, 10)).toMatchObject([
    { key: ['2'], verdict: 'refused', reason: expect.stringMatching(named) },
  ]);
});
