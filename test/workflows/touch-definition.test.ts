import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { prepareStores } from '../../client/operator/prepare.ts';
import type { CallerTransaction } from '../../client/service/caller-transaction.ts';
import type { Lockstep } from '../../client/service/connect.ts';
import { type Entity, entity } from '../../model/entity.ts';
import type { Migration } from '../../model/migration.ts';
import { table } from '../../model/shape.ts';
import { caller } from '../databases/caller.ts';
import { writeOf } from '../databases/engine-roles.ts';
import { account, newAccount, twin } from '../support/accounts.ts';
import { connectBoth } from '../support/connect-both.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { addNote, noted, redefined } from '../support/noted.ts';

const placeSchema = z.strictObject({ id: z.int(), region: z.string(), label: z.string() });
const [place, placeByRegion] = [
  entity({ name: 'place', schema: placeSchema, key: 'id', legacy: table('places'), modern: table('places') }),
  entity({
    name: 'place',
    schema: placeSchema,
    key: ['region', 'id'],
    legacy: table('places'),
    modern: table('places'),
  }),
];
const places = `CREATE TABLE places (id INT NOT NULL PRIMARY KEY, region VARCHAR(20) NOT NULL, label VARCHAR(20) NOT NULL, UNIQUE (region, id))`;

type Touching = (lockstep: Lockstep, tx: CallerTransaction, ids: number | number[]) => Promise<unknown>;

/** While services and stores are rolled out, a service meets routines that were made for another definition. */
describe.each(['mysql', 'postgresql'] as const)('touch of another definition, migrating from %s', (from) => {
  /** For a single key as for a list, whatever the transaction wrote before is undone. */
  async function expectRefused(at: RunningMigration, lockstep: Lockstep, touching: Touching) {
    await using service = await caller(at.environment.LOCKSTEP_LEGACY_URL ?? '');
    for (const ids of [1, [1, 2]]) {
      await service.sql('BEGIN');
      await expect(touching(lockstep, service.tx, ids)).rejects.toMatchObject({ code: 'DefinitionChanged' });
      await service.sql('ROLLBACK');
    }
    const control = from === 'mysql' ? 'lockstep_' : 'lockstep.';
    expect(await at.sql.legacy(`SELECT id FROM ${control}operations WHERE kind = 'touch'`)).toEqual([]);
  }

  async function expectTaken(at: RunningMigration, lockstep: Lockstep, touching: Touching) {
    await using service = await caller(at.environment.LOCKSTEP_LEGACY_URL ?? '');
    for (const ids of [1, [1, 2]]) {
      await service.sql('BEGIN');
      await touching(lockstep, service.tx, ids);
      await service.sql('ROLLBACK');
    }
  }

  const prepared = async (at: RunningMigration, entities: readonly Entity[]) => {
    const migration = redefined(at.migration, { entities });
    await prepareStores(migration, at.environment);
    return migration;
  };
  const connected = (at: RunningMigration, migration: Migration) =>
    connectBoth(migration, { environment: at.environment, temporal: at.temporal });

  test('a service is refused where the routines are newer, and where they are older', async () => {
    await using at = await runningMigration('dual-write', { from, entities: [account] });
    const older: Touching = (lockstep, tx, ids) => lockstep.touch(tx, account, ids);
    const newer: Touching = (lockstep, tx, ids) => lockstep.touch(tx, noted, ids);
    await expectTaken(at, at.lockstep, older);
    for (const sql of [at.sql.legacy, at.sql.modern]) await sql(addNote);
    await using service = await connected(at, await prepared(at, [noted]));
    await expectRefused(at, at.lockstep, older);
    await expectTaken(at, service, newer);
    await prepared(at, [account]);
    await expectRefused(at, service, newer);
    await expectTaken(at, at.lockstep, older);
  });

  test('so it is where the key has another number of parts', async () => {
    await using at = await runningMigration('dual-write', {
      from,
      entities: [place],
      tables: { legacy: [places], modern: [places] },
    });
    const older: Touching = (lockstep, tx, ids) => lockstep.touch(tx, place, ids);
    const keys = (ids: number | number[]) => [ids].flat().map((id) => ({ region: 'north', id }));
    const newer: Touching = (lockstep, tx, ids) => lockstep.touch(tx, placeByRegion, keys(ids));
    await expectTaken(at, at.lockstep, older);
    await using service = await connected(at, await prepared(at, [placeByRegion]));
    await expectRefused(at, at.lockstep, older);
    await expectTaken(at, service, newer);
    await prepared(at, [place]);
    await expectRefused(at, service, newer);
    await expectTaken(at, at.lockstep, older);
  });

  test('so it is where the entity has left the migration', async () => {
    await using at = await runningMigration('dual-write', { from, entities: [account, twin] });
    const touching: Touching = (lockstep, tx, ids) => lockstep.touch(tx, twin, ids);
    await expectTaken(at, at.lockstep, touching);
    await prepared(at, [account]);
    await expectRefused(at, at.lockstep, touching);
    const writes = [writeOf(twin, newAccount()), writeOf(twin, newAccount())];
    const { epoch } = await at.lockstep.control.status();
    const under = { migration: at.migration.name, epoch };
    for (const given of [writes.slice(0, 1), writes])
      await expect(at.stores.legacy.write(twin, given, under)).rejects.toMatchObject({
        code: 'DefinitionChanged',
      });
    await prepared(at, [account, twin]);
    await expectTaken(at, at.lockstep, touching);
  });
});
