import { expect, test } from 'vitest';
import { z } from 'zod';
import { entity, type Pattern } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { table } from '../../model/shape.ts';
import { runningMigration } from '../support/harness.ts';
import { entryIn } from '../support/inspect.ts';
import { until } from '../support/until.ts';

function markIn<const P extends Pattern>(name: string, pattern: P) {
  return entity({
    name,
    schema: z.strictObject({ id: z.int(), flag: z.boolean(), note: z.string() }),
    fields: { flag: field.boolean() },
    key: 'id',
    legacy: table(name),
    modern: table(name),
    pattern,
  });
}
const mark = markIn('marks', 'primary-secondary');
const twin = markIn('twins', 'parallel');

test('a row that no field can hold is put right, or deleted, through the client', async () => {
  const names = [mark.name, twin.name];
  await using at = await runningMigration('dual-write', {
    entities: [mark, twin],
    tables: {
      legacy: names.map(
        (name) => `CREATE TABLE ${name} (id INT PRIMARY KEY, flag TINYINT NOT NULL, note TEXT)`,
      ),
      modern: names.map(
        (name) =>
          `CREATE TABLE ${name} (id integer PRIMARY KEY, flag boolean NOT NULL, note text CHECK (note <> 'no'))`,
      ),
    },
  });
  const { control, reconciliation, repository } = at.lockstep;
  for (const name of names)
    await at.sql.legacy(`INSERT INTO ${name} VALUES (1, 2, 'odd'), (2, 3, 'odd'), (3, 4, 'odd')`);
  await control.send('advance');
  await until('the backfill is done', async () => (await control.status()).backfill?.done);
  expect(await reconciliation.groupedDifferences({ groups: 10, keys: 2 })).toMatchObject(
    names.map((entity) => ({ entity, verdict: 'unreadable', count: 3, keys: [['1'], ['2']] })),
  );
  const rowsIn = (store: 'legacy' | 'modern', name: string) =>
    at.sql[store](`SELECT id, note FROM ${name} ORDER BY id`);

  for (const of of [mark, twin]) {
    const marks = repository(of);
    await expect(marks.update(1, { note: 'new' })).rejects.toMatchObject({
      code: 'InvalidEntity',
      message: expect.stringMatching(/boolean.*write the whole record with replace, or delete it/),
    });
    await marks.replace({ id: 1, flag: true, note: 'right' }, { ack: 'both' });
    await marks.delete(2, { ack: 'both' });
    expect(await rowsIn('modern', of.name)).toEqual([{ id: '1', note: 'right' }]);
  }
  const left = [{ verdict: 'unreadable', count: 1, keys: [['3']] }];
  expect(await reconciliation.groupedDifferences({ groups: 10, keys: 2 })).toMatchObject([...left, ...left]);

  // More at a time than there are connections.
  const found = await Promise.allSettled(
    Array.from({ length: 80 }, (_, read) => repository(mark).get(read % 4)),
  );
  expect(
    found.map((one) => (one.status === 'fulfilled' ? (one.value?.value.note ?? null) : one.reason.code)),
  ).toEqual(Array.from({ length: 20 }, () => [null, 'right', null, 'InvalidEntity']).flat());

  // Refused by the secondary, it cannot be undone: nothing says what the row was. So it stays, and a person decides.
  const operationId = 'over-an-unreadable-row';
  const writing = repository(twin).replace({ id: 3, flag: true, note: 'no' }, { operationId });
  writing.catch(() => undefined);
  await until('it is parked', async () => (await entryIn(at, 'legacy', operationId))?.status === 'parked');
  await until('it is parked', async () => (await control.writeStatus(operationId)).stage === 'parked');
  expect((await control.writeStatus(operationId)).reason).toContain('cannot be compensated');
  expect(await rowsIn('legacy', twin.name)).toEqual([
    { id: '1', note: 'right' },
    { id: '3', note: 'no' },
  ]);
  await control.resolve(operationId, 'discard');
  await until('it is left', async () => (await entryIn(at, 'legacy', operationId))?.status === 'discarded');
});
