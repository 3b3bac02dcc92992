import { expect, test } from 'vitest';
import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { rows } from '../../model/shape.ts';
import { openRole, readOne, writeOf, writeOne } from './engine-roles.ts';

const artist = field.shared({
  name: 'artist',
  fields: { id: field.integer(), name: field.text() },
  identity: ['id'],
});
const track = field.shared({
  name: 'track',
  fields: { id: field.integer(), title: field.text(), artist },
  identity: ['id'],
});

interface Item {
  id: number;
  quantity: number;
  track: { id: number; title: string; artist: { id: number; name: string } };
}

const shape = () =>
  rows({
    tables: { items: { key: ['id'] } },
    // As a person writes them down who follows the references.
    referenced: {
      tracks: { shared: 'track', identity: ['id'], through: { table: 'items', columns: { id: 'track_id' } } },
      artists: {
        shared: 'artist',
        identity: ['id'],
        through: { table: 'tracks', columns: { id: 'artist_id' } },
      },
    },
    toRows: ({ id, quantity, track }: Item) => ({
      items: [{ id, quantity, track_id: track.id }],
      tracks: [{ id: track.id, title: track.title, artist_id: track.artist.id }],
      artists: [track.artist],
    }),
    fromRows: ({ items: [item], tracks: [found], artists: [by] }) => ({
      id: item?.id ?? 0,
      quantity: item?.quantity ?? 0,
      track: {
        id: found?.id ?? 0,
        title: found?.title ?? '',
        artist: { id: by?.id ?? 0, name: by?.name ?? '' },
      },
    }),
  });

const item = entity({
  name: 'item',
  schema: z.strictObject({
    id: z.int(),
    quantity: z.int(),
    track: z.strictObject({
      id: z.int(),
      title: z.string(),
      artist: z.strictObject({ id: z.int(), name: z.string() }),
    }),
  }),
  fields: { track },
  key: 'id',
  legacy: shape(),
  modern: shape(),
});

test.each(['MariaDB', 'PostgreSQL'] as const)(
  '%s: a referenced record that refers to another one is written behind it, and read with it',
  async (engine) => {
    await using at = await openRole(
      { engine, role: 'legacy' },
      {
        entities: [item],
        onlyTables: [
          'CREATE TABLE artists (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL)',
          `CREATE TABLE tracks (id INTEGER NOT NULL PRIMARY KEY, title VARCHAR(100) NOT NULL, artist_id INTEGER NOT NULL,
            FOREIGN KEY (artist_id) REFERENCES artists (id))`,
          `CREATE TABLE items (id INTEGER NOT NULL PRIMARY KEY, quantity INTEGER NOT NULL, track_id INTEGER NOT NULL,
            FOREIGN KEY (track_id) REFERENCES tracks (id))`,
        ],
      },
    );
    const value = {
      id: 1,
      quantity: 2,
      track: { id: 7, title: 'So What', artist: { id: 3, name: 'Miles' } },
    };
    expect(await writeOne(at.store, item, writeOf(item, value))).toMatchObject({ status: 'applied' });
    const other = { id: 2, quantity: 1, track: { id: 8, title: 'Naima', artist: { id: 4, name: 'John' } } };
    expect(await at.store.write(item, [writeOf(item, other)], { migration: 'move', epoch: 1 })).toMatchObject(
      [{ status: 'applied' }],
    );
    const { image } = await readOne(at.store, item, ['1']);
    expect(image).toMatchObject({ track: { id: '7', artist: { id: '3', name: 'Miles' } } });
    expect((await readOne(at.store, item, ['2'])).image).toMatchObject({
      track: { artist: { name: 'John' } },
    });
    // What the artist is called is no part of the track, which refers to it.
    const records = await at.sql(`SELECT count(*) AS n FROM artists`);
    expect(records).toEqual([{ n: '2' }]);
  },
);
