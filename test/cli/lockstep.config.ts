import { defineMigration } from '../../model/migration.ts';
import { account, flagged, twin } from '../support/accounts.ts';
import { quick } from '../support/policy.ts';

const migration = defineMigration({
  name: process.env.LOCKSTEP_TEST_MIGRATION ?? 'test',
  entities: [account, twin, flagged],
  deadline: '2100-01-01T00:00:00Z',
  ...quick(),
  legacy: { connectTimeoutMs: 2_000 },
  modern: { connectTimeoutMs: 2_000 },
});
const policy: object = JSON.parse(process.env.LOCKSTEP_TEST_POLICY ?? '{}');

/** The migration of a test's scene, for commands and workers that run as processes of their own. */
export default Object.assign(migration, { policy: { ...migration.policy, ...policy } });
