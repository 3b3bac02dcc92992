import { expect, test } from 'vitest';
import { connect } from '../../client/service/connect.ts';
import { defineMigration } from '../../model/migration.ts';
import { account } from '../support/accounts.ts';

const migration = defineMigration({ name: 'choices', entities: [account], deadline: '2100-01-01T00:00:00Z' });

test.each(['inline', null, true, ''])('worker: %j is refused with what there is', async (worker) => {
  const refused = connect(migration, { worker: worker as never, environment: {} });
  await expect(refused).rejects.toMatchObject({
    code: 'InvalidInput',
    message: expect.stringMatching(/^worker is .*use 'embedded'.*lockstep worker/),
  });
});

test('a client of Temporal beside an embedded worker is refused with the remedy', async () => {
  const refused = connect(migration, { worker: 'embedded', temporal: {} as never, environment: {} });
  await expect(refused).rejects.toMatchObject({
    code: 'InvalidInput',
    message: expect.stringContaining('leave temporal out'),
  });
});
