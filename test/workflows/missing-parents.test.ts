import { expect, test } from 'vitest';
import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { table } from '../../model/shape.ts';
import { advanceTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { until } from '../support/until.ts';

const referring = (name: string) =>
  entity({
    name,
    schema: z.strictObject({ id: z.int(), parent: z.int().nullable() }),
    key: 'id',
    legacy: table(name),
    modern: table(name),
  });

/** As a person writes them down who starts at the end. */
const entities = [
  'grandchildren',
  'children',
  'parents',
  'nodes',
  'wives',
  'husbands',
  'lates',
  'singles',
  'watched',
].map(referring);

const columns = 'id INTEGER NOT NULL PRIMARY KEY, parent INTEGER';
const legacy = entities.map(({ name }) => `CREATE TABLE ${name} (${columns})`);
const under = (name: string) => `, FOREIGN KEY (parent) REFERENCES ${name} (id)`;
const unlucky = 13;
/** Refuses an unlucky parent: PostgreSQL at the commit only. */
const watching = {
  mysql: [
    `CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS
     $$ BEGIN IF NEW.parent = ${unlucky} THEN RAISE EXCEPTION 'no such luck' USING ERRCODE = 'check_violation'; END IF; RETURN NULL; END $$`,
    `CREATE CONSTRAINT TRIGGER look AFTER INSERT ON watched DEFERRABLE INITIALLY DEFERRED
     FOR EACH ROW EXECUTE FUNCTION look()`,
  ],
  postgresql: [
    `CREATE TRIGGER look BEFORE INSERT ON watched FOR EACH ROW
     BEGIN IF NEW.parent = ${unlucky} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no such luck'; END IF; END`,
  ],
};
const modern = (from: 'mysql' | 'postgresql', putOff: string) => [
  `CREATE TABLE parents (${columns})`,
  `CREATE TABLE children (${columns}${under('parents')})`,
  `CREATE TABLE grandchildren (${columns}${under('children')})`,
  `CREATE TABLE nodes (${columns}${under('nodes')})`,
  `CREATE TABLE wives (${columns})`,
  `CREATE TABLE husbands (${columns}${under('wives')})`,
  'ALTER TABLE wives ADD FOREIGN KEY (parent) REFERENCES husbands (id)',
  `CREATE TABLE lates (${columns}${under('lates')}${putOff})`,
  `CREATE TABLE singles (${columns}, UNIQUE (parent)${putOff})`,
  `CREATE TABLE watched (${columns})`,
  ...watching[from],
];

/** Some of their rows lack what a constraint asks for. */
const incomplete = ['nodes', 'lates', 'singles', 'watched'];

const rows = 100;
const list = (parentOf: (id: number) => number | null) =>
  Array.from({ length: rows }, (_, at) => `(${at + 1}, ${parentOf(at + 1) ?? 'NULL'})`).join(', ');

/** Each node refers to the next one, so that nothing is in its order; every other couple refers to each other and to the next one. */
async function fill({ sql }: RunningMigration): Promise<void> {
  await sql.legacy(`INSERT INTO parents VALUES ${list(() => null)}`);
  await sql.legacy(`INSERT INTO children VALUES ${list((id) => rows + 1 - id)}`);
  await sql.legacy(`INSERT INTO grandchildren VALUES ${list((id) => ((id * 7) % rows) + 1)}`);
  await sql.legacy(`INSERT INTO nodes VALUES ${list((id) => (id < rows ? id + 1 : null))}`);
  await sql.legacy(`INSERT INTO wives VALUES ${list((id) => (id % 2 === 1 ? id : null))}`);
  await sql.legacy(
    `INSERT INTO husbands VALUES ${list((id) => (id % 2 === 1 ? Math.min(id + 1, rows) : null))}`,
  );
}

const rowsIn = (at: RunningMigration, store: 'legacy' | 'modern', name: string) =>
  at.sql[store](`SELECT id, parent FROM ${name} ORDER BY id`);

async function copied({ lockstep: { control } }: RunningMigration) {
  await control.send('advance');
  return await until('the backfill is done', async () => {
    const { backfill } = await control.status();
    return backfill?.done && backfill;
  });
}

test.each([{ from: 'mysql' }, { from: 'postgresql' }] as const)(
  'from $from: rows come in behind those that they refer to',
  async ({ from }) => {
    await using at = await runningMigration('dual-write', {
      from,
      entities,
      tables: { legacy, modern: modern(from, from === 'mysql' ? ' DEFERRABLE INITIALLY DEFERRED' : '') },
      backfill: { chunkKeys: 20, parallel: 3 },
    });
    await fill(at);
    await at.sql.legacy('INSERT INTO lates VALUES (1, NULL), (2, 1), (3, 99)');
    await at.sql.legacy('INSERT INTO singles VALUES (1, 5), (2, 5)');
    await at.sql.legacy(`INSERT INTO watched VALUES (1, 1), (2, ${unlucky}), (3, 1)`);
    // A couple who refer to each other, and two nodes that do and lie in pages of their own.
    await at.sql.legacy('INSERT INTO wives VALUES (201, 201)');
    await at.sql.legacy('INSERT INTO husbands VALUES (201, 201)');
    await at.sql.legacy('INSERT INTO nodes VALUES (-1, 5000), (5000, -1)');
    // Two whose parents nobody has, in the middle of others.
    await at.sql.legacy('UPDATE nodes SET parent = 9999 WHERE id IN (40, 41)');
    const backfill = await copied(at);
    // What leans on them lacks its parents as well.
    expect(backfill).toMatchObject({ copied: 6 * rows - 41 + 3 + 2 + 4, skipped: 0, refused: 41 + 3 });
    for (const { name } of entities.filter(({ name }) => !incomplete.includes(name)))
      expect(await rowsIn(at, 'modern', name)).toEqual(await rowsIn(at, 'legacy', name));
    const found = await at.lockstep.reconciliation.differences(100);
    expect(found).toHaveLength(44);
    expect(new Set(found.map(({ verdict }) => verdict))).toEqual(new Set(['refused']));
    const reasonOf = (name: string, id: string) =>
      found.find(({ entity, key }) => entity === name && key[0] === id)?.reason;
    expect(reasonOf('nodes', '40')).toContain('foreign key');
    expect(reasonOf('lates', '3')).toContain('foreign key');
    expect(reasonOf('singles', '2')).toContain('unique');
    expect(reasonOf('watched', '2')).toBeDefined();

    // Once the parent is there, all of them are, and no difference is left.
    await at.sql.legacy('INSERT INTO nodes VALUES (9999, NULL)');
    await at.sql.legacy('INSERT INTO lates VALUES (99, NULL)');
    await at.sql.legacy('UPDATE singles SET parent = 6 WHERE id = 2');
    await at.sql.legacy('UPDATE watched SET parent = 6 WHERE id = 2');
    await at.lockstep.control.startBackfill();
    await until('it is done', async () => (await at.lockstep.control.status()).backfill?.done);
    expect(await at.lockstep.reconciliation.differences(100)).toEqual([]);
    for (const name of incomplete)
      expect(await rowsIn(at, 'modern', name)).toEqual(await rowsIn(at, 'legacy', name));
    await advanceTo(at.lockstep, 'validate');
  },
);
