import { defineMigration } from '../../model/migration.ts';
import { bound, ledger } from '../support/accounts.ts';

const migration = defineMigration({
  name: process.env.LOCKSTEP_TEST_MIGRATION ?? 'test',
  entities: [bound, ledger],
  deadline: '2100-01-01T00:00:00Z',
});
const policy: object = JSON.parse(process.env.LOCKSTEP_TEST_POLICY ?? '{}');

/** As the scene's configuration, with entities that are written in transactions. */
export default Object.assign(migration, { policy: { ...migration.policy, ...policy } });
