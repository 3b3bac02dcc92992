import { expect, test } from 'vitest';
import { defineMigration, type MigrationOptions } from '../../model/migration.ts';
import { account } from '../support/accounts.ts';

const define = (policy: NonNullable<MigrationOptions['policy']>) =>
  defineMigration({ name: 'move', entities: [account], deadline: '2100-01-01T00:00:00Z', policy });

test.each([
  ['a share above all', { validateShare: 1.5 }, 'a share from 0 to 1'],
  ['a negative delay', { validateDelayMs: -1 }, 'not negative'],
  ['a journal that forgets too soon', { journalRetentionMs: 60_000 }, 'must be at least 3600000'],
])('a policy with %s is refused, with its path', (_, policy, why) => {
  const [name] = Object.keys(policy);
  expect(() => define(policy)).toThrowError(
    expect.objectContaining({
      code: 'InvalidDefinition',
      details: { path: `migration.policy.${name}` },
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
