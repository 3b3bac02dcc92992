import { expect, test } from 'vitest';
import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { table } from '../../model/shape.ts';
import { openEngineAs, openRole } from './engine-roles.ts';

const person = entity({
  name: 'person',
  schema: z.strictObject({ id: z.int() }),
  key: 'id',
  legacy: table('people'),
  modern: table('people'),
});
const pet = entity({
  name: 'pet',
  schema: z.strictObject({ id: z.int(), owner: z.int().nullable() }),
  key: 'id',
  legacy: table('pets'),
  modern: table('pets'),
});
const entities = [person, pet];
const people = 'CREATE TABLE people (id INT PRIMARY KEY)';
const pets = (action: string) =>
  `CREATE TABLE pets (id INT PRIMARY KEY, owner INT, CONSTRAINT pet_owner FOREIGN KEY (owner) REFERENCES people (id) ${action})`;

const opened = (engine: 'MariaDB' | 'PostgreSQL', action: string) =>
  openRole({ engine, role: 'legacy' }, { entities, onlyTables: [people, pets(action)] });

test.each(['ON DELETE CASCADE', 'ON DELETE SET NULL', 'ON UPDATE CASCADE'])(
  'a key %s fires no trigger in MariaDB, so there are none then',
  async (action) => {
    await using at = await opened('MariaDB', action);
    const reason = `${action} of pet_owner changes rows of pets, and fires no trigger`;
    await expect(at.store.capture(pet, true)).rejects.toMatchObject({
      code: 'StoreRefused',
      message: expect.stringContaining(reason),
    });
    expect(await at.store.captureUnavailableReason()).toContain(reason);
    expect(await at.store.isCapturing()).toBe(false);
  },
);

test('a key that changes nothing by itself does not stand in their way', async () => {
  await using at = await opened('MariaDB', 'ON DELETE RESTRICT');
  await at.store.capture(pet, true);
  expect(await at.store.isCapturing()).toBe(true);
});

test('what a key deletes is noted in PostgreSQL', async () => {
  await using at = await opened('PostgreSQL', 'ON DELETE CASCADE');
  for (const one of entities) await at.store.capture(one, true);
  await at.sql('INSERT INTO people VALUES (1)');
  await at.sql('INSERT INTO pets VALUES (7, 1)');
  await at.store.deleteCaptured((await at.store.captured(9)).map(({ id }) => id));
  await at.sql('DELETE FROM people');
  const marks = (await at.store.captured(9)).map((mark) => [mark.entity, ...mark.key]);
  expect(marks.toSorted()).toEqual([
    ['person', '1'],
    ['pet', '7'],
  ]);
});

test('what a record takes along of its own rows is told by its root', async () => {
  await using at = await opened('MariaDB', 'ON DELETE CASCADE');
  const engine = openEngineAs('legacy', at.url);
  try {
    expect(await engine.silentChangeReason(['people', 'pets'])).toBeNull();
    expect(await engine.silentChangeReason(['pets', 'people'])).toContain('pet_owner');
  } finally {
    await engine.close();
  }
});
