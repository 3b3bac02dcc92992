import { beforeEach, expect, test } from 'vitest';
import type { Engine } from '../../databases/engine/engine.ts';
import { StoreContext } from '../../databases/sql/context.ts';
import { createFingerprints } from '../../databases/sql/fingerprint.ts';
import { defineMigration } from '../../model/migration.ts';
import { forEachEngineRole, type Opened, openEngineAs } from './engine-roles.ts';
import { thing } from './entities.ts';

const migration = defineMigration({ name: 'move', entities: [thing], deadline: '2100-01-01T00:00:00Z' });
const made = 'CREATE TABLE things (id INTEGER NOT NULL PRIMARY KEY, label VARCHAR(200) NOT NULL)';

/** What may happen to a table, in turn. */
const alterations: Readonly<Record<Engine['kind'], readonly string[]>> = {
  postgresql: [
    'ALTER TABLE things ADD COLUMN note varchar(10)',
    'ALTER TABLE things ALTER COLUMN label TYPE varchar(100)',
    'ALTER TABLE things ALTER COLUMN label DROP NOT NULL',
    'ALTER TABLE things ALTER COLUMN label SET NOT NULL',
    'ALTER TABLE things RENAME COLUMN note TO remark',
    'CREATE UNIQUE INDEX labels ON things (label)',
    'DROP INDEX labels',
    'ALTER TABLE things ADD CONSTRAINT labels UNIQUE (label, id)',
    'ALTER TABLE things DROP CONSTRAINT things_pkey, ADD PRIMARY KEY (label)',
    'CREATE TABLE parts () INHERITS (things)',
    'DROP TABLE parts',
    "CREATE TYPE hue AS ENUM ('red')",
    'ALTER TABLE things ADD COLUMN hue hue',
    'ALTER TYPE hue RENAME TO colour',
    'ALTER TABLE things ADD COLUMN hues colour[]',
    'ALTER TYPE colour RENAME TO hue',
    'CREATE DOMAIN short AS varchar(5)',
    'CREATE DOMAIN shorter AS short',
    'ALTER TABLE things ADD COLUMN code shorter',
    'ALTER DOMAIN short SET NOT NULL',
    'ALTER TABLE things DROP COLUMN code',
    'ALTER TABLE things RENAME TO others',
    'CREATE TABLE things (id integer, label text)',
    'DROP TABLE things',
    'CREATE VIEW things AS SELECT id, label FROM others',
  ],
  mysql: [
    'ALTER TABLE things ADD COLUMN note VARCHAR(10)',
    'ALTER TABLE things MODIFY label VARCHAR(100) NOT NULL',
    'ALTER TABLE things MODIFY label VARCHAR(100)',
    'ALTER TABLE things MODIFY label VARCHAR(100) NOT NULL',
    'ALTER TABLE things RENAME COLUMN note TO remark',
    'CREATE UNIQUE INDEX labels ON things (label)',
    'DROP INDEX labels ON things',
    'ALTER TABLE things ADD UNIQUE labels (label, id)',
    'ALTER TABLE things DROP PRIMARY KEY, ADD PRIMARY KEY (label)',
    "ALTER TABLE things ADD COLUMN hue ENUM ('red')",
    "ALTER TABLE things MODIFY hue ENUM ('red', ' AUTO_INCREMENT=7')",
    "ALTER TABLE things MODIFY hue ENUM ('red', ' AUTO_INCREMENT=8')",
    'ALTER TABLE things ADD COLUMN twice INTEGER GENERATED ALWAYS AS (id * 2) STORED',
    'RENAME TABLE things TO others',
    'CREATE TABLE things (id INTEGER, label TEXT)',
    'DROP TABLE things',
    'CREATE VIEW things AS SELECT * FROM others',
    'ALTER TABLE others MODIFY label VARCHAR(50) NOT NULL',
  ],
};

/** With how often the whole catalogue was read for it. */
function fingerprintsOf({ engineRole, url }: Opened) {
  const engine = openEngineAs(engineRole.role, url);
  let reads = 0;
  const counting: Engine = {
    ...engine,
    catalogue(name) {
      reads += 1;
      return engine.catalogue(name);
    },
  };
  const { fingerprint } = createFingerprints(new StoreContext(engineRole.role, counting, migration));
  return {
    fingerprint: () => fingerprint(thing),
    reads: () => reads,
    kind: engine.kind,
    [Symbol.asyncDispose]: () => engine.close(),
  };
}

forEachEngineRole(
  'what tables look like',
  (at) => {
    beforeEach(async () => {
      for (const drop of ['VIEW IF EXISTS things', 'TABLE IF EXISTS things', 'TABLE IF EXISTS others'])
        await at()
          .sql(`DROP ${drop}`)
          .catch(() => undefined);
      await at().sql(made);
    });

    test('is told anew after each change', async () => {
      await using looking = fingerprintsOf(at());
      let before = await looking.fingerprint();
      for (const statement of alterations[looking.kind]) {
        await at().sql(statement);
        const now = await looking.fingerprint();
        await using fresh = fingerprintsOf(at());
        expect(now, statement).toEqual(await fresh.fingerprint());
        if (!/^CREATE (TYPE|DOMAIN)/.test(statement)) expect(now, statement).not.toEqual(before);
        before = now;
      }
    });

    test('is not read again while nothing has changed', async () => {
      await using looking = fingerprintsOf(at());
      if (looking.kind === 'mysql')
        await at().sql('ALTER TABLE things MODIFY id INTEGER NOT NULL AUTO_INCREMENT');
      const before = await looking.fingerprint();
      await at().sql("INSERT INTO things VALUES (1, 'one')");
      expect(await looking.fingerprint()).toEqual(before);
      expect(looking.reads()).toBe(1);
    });
  },
  { entities: [thing], onlyTables: [made] },
);
