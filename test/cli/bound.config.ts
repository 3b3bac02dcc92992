import { defineMigration } from '../../model/migration.ts';
import { bound, ledger } from '../support/accounts.ts';

/** As the scene's configuration, with entities that are written in transactions. */
export default defineMigration({
  name: process.env.LOCKSTEP_TEST_MIGRATION ?? 'test',
  entities: [bound, ledger],
  deadline: '2100-01-01T00:00:00Z',
});
