import { expect, test } from 'vitest';
import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { defineMigration, type MigrationOptions } from '../../model/migration.ts';
import type { Settings } from '../../model/settings.ts';
import { rows, table } from '../../model/shape.ts';
import { account } from '../support/accounts.ts';

const sound = { name: 'move', entities: [account], deadline: '2100-01-01T00:00:00Z' };
const define = (settings: Settings) => defineMigration({ ...sound, ...settings });

test.each<[string, Settings, string, string]>([
  [
    'a share above all',
    { postWriteValidation: { share: 1.5 } },
    'postWriteValidation.share',
    'a share from 0 to 1',
  ],
  [
    'a negative delay',
    { postWriteValidation: { delayMs: -1 } },
    'postWriteValidation.delayMs',
    'not negative',
  ],
  [
    'a journal that forgets too soon',
    { journal: { retentionMs: 60_000 } },
    'journal.retentionMs',
    'at least 3600000',
  ],
  [
    'a name that is none',
    { write: JSON.parse('{"callerTimeout":1}') },
    'write.callerTimeout',
    'is no setting',
  ],
])('a setting with %s is refused, with its path', (_, settings, path, why) => {
  expect(() => define(settings)).toThrowError(
    expect.objectContaining({
      code: 'InvalidDefinition',
      details: expect.objectContaining({ path: `migration.${path}` }),
      message: expect.stringContaining(why),
    }),
  );
});

test('nothing is read back, and a week of the journal is kept, unless told otherwise', () => {
  expect(define({}).policy).toMatchObject({
    validateShare: 0,
    validateRepair: false,
    journalRetentionMs: 7 * 24 * 3_600_000,
  });
});

const bare = field.bits as unknown as () => ReturnType<typeof field.bits>;

test.each([
  ['bits without a length', () => bare(), 'length NaN must be a whole number of at least 1'],
  ['bits of no length', () => field.bits({ length: 0 }), 'length 0 must be'],
  [
    'a time that is too fine',
    () => field.time({ precision: 7 }),
    'precision 7 must be a whole number from 0 to 6',
  ],
  ['a decimal that is too coarse', () => field.decimal({ scale: -1 }), 'scale -1 must be'],
])('%s are told at the definition', (_, measured, why) => {
  const broken = entity({
    name: 'measured',
    schema: z.strictObject({ id: z.int(), value: z.string() }),
    key: 'id',
    fields: { value: measured() },
    legacy: table('measured'),
    modern: table('measured'),
  });
  expect(() => defineMigration({ ...sound, entities: [broken] })).toThrowError(
    expect.objectContaining({ code: 'InvalidDefinition', message: expect.stringContaining(why) }),
  );
});

test('all faults of a definition and of its entities are thrown in one go, each with its path', () => {
  const broken = entity({
    name: 'Broken',
    schema: z.strictObject({ id: z.string(), big: z.bigint(), parts: z.array(z.string()), any: z.unknown() }),
    key: 'id',
    fields: {
      big: field.bigint(),
      parts: field.list({ by: ['at'] as never[] }),
      id: field.date({ zero: 'null', infinity: { as: 'never' } }),
    },
    legacy: table('broken', { id: 'no' }),
    modern: table('broken'),
  });
  const other = entity({
    name: 'other',
    schema: z.custom<{ id: string }>(),
    key: 'id',
    legacy: table('o'),
    modern: table('o'),
  });
  const failure = failureOf(() =>
    defineMigration({
      name: 'Move It',
      entities: [broken, other, other],
      deadline: 'soon',
      legacy: { poolSize: 0 },
      backfill: { parallel: -1 },
    }),
  );
  if (!isLockstepError(failure, 'InvalidDefinition')) throw failure;
  const paths = (failure.details.faults ?? []).map(({ path }) => path);
  expect(new Set(paths)).toEqual(
    new Set([
      'migration.backfill.parallel',
      'migration.name',
      'migration.entities',
      'migration.deadline',
      'migration.legacy.poolSize',
      'entity "Broken"',
      'Broken.fields.any',
      'Broken.fields.parts.by',
      'Broken.fields.id',
      'Broken.key',
      'Broken.legacy.parts',
      'Broken.modern.parts',
      'other.fields',
      'other.key',
    ]),
  );
  for (const path of paths) expect(failure.message).toContain(path);
});

function failureOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

test.each([
  ['migration', 'none'],
  ['migration.name', { ...sound, name: 7 }],
  ['migration.deadline', { ...sound, deadline: ['2030-01-31'] }],
  ['migration.entities', { ...sound, entities: 'account' }],
  ['migration.entities.1', { ...sound, entities: [...sound.entities, { name: 'account' }] }],
] as const)('types are no check: %s', (path, given: unknown) => {
  expect(() => defineMigration(given as MigrationOptions)).toThrow(
    expect.objectContaining({ code: 'InvalidDefinition', details: expect.objectContaining({ path }) }),
  );
});

test('a table without its key is refused by name, where no type has told', () => {
  const shape = rows({
    tables: JSON.parse('{"lines":{}}'),
    toRows: ({ id }: { id: number }) => ({ lines: [{ id }] }),
    fromRows: ({ lines }) => ({ id: lines[0]?.id ?? 0 }),
  });
  const keyless = entity({
    name: 'keyless',
    schema: z.strictObject({ id: z.int() }),
    key: 'id',
    legacy: shape,
    modern: shape,
  });
  expect(() => defineMigration({ ...sound, entities: [keyless] })).toThrowError(
    /keyless\.legacy\.tables\.lines\.key: must name 1 column, for id/,
  );
});
