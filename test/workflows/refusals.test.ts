import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connectTemporal } from '../../client/temporal/connection.ts';
import type { StoreName } from '../../model/failure.ts';
import { account, newAccount, refusedByLegacy, refusedByModern, twin } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, entryIn, rowsOf } from '../support/inspect.ts';
import { until } from '../support/until.ts';

describe.each(['mysql', 'postgresql'] as const)('with legacy on %s', (from) => {
  let at: RunningMigration;
  beforeAll(async () => {
    at = await runningMigration('dual-write', {
      from,
      write: { conflictAttempts: 1_000, secondaryRetryMaxMs: 200 },
    });
  });
  afterAll(() => at?.[Symbol.asyncDispose]());

  const undone: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const undo of undone.splice(0).toReversed()) await undo();
  });
  const isMysql = (store: StoreName) => (from === 'mysql') === (store === 'legacy');

  /** From now on an account needs its owner in a table of that store's. */
  async function needOwners(store: StoreName): Promise<void> {
    const sql = at.sql[store];
    // So the columns agree, and so do the rows that other tests have left.
    await sql('CREATE TABLE owners AS SELECT DISTINCT owner AS name FROM accounts');
    undone.push(() => sql('DROP TABLE owners'));
    await sql('ALTER TABLE owners ADD PRIMARY KEY (name)');
    await sql(
      'ALTER TABLE accounts ADD CONSTRAINT owner_is_known FOREIGN KEY (owner) REFERENCES owners (name)',
    );
    undone.push(() =>
      sql(`ALTER TABLE accounts DROP ${isMysql(store) ? 'FOREIGN KEY' : 'CONSTRAINT'} owner_is_known`),
    );
  }

  test('a parent that the secondary lacks is waited for', async () => {
    await needOwners('modern');
    const value = newAccount({ owner: 'Late' });
    const { operationId } = await at.lockstep.repository(account).create(value);
    await until('the journal says why', async () => {
      const entry = await entryIn(at, 'legacy', operationId);
      return entry?.failure === 'ForeignKeyConflict' && entry.status === 'pending';
    });
    await at.sql.modern(`INSERT INTO owners VALUES ('Late')`);
    await drained(at);
    expect(await entryIn(at, 'legacy', operationId)).toMatchObject({ status: 'completed' });
    for (const row of await rowsOf(at, 'accounts', value.id)) expect(row).toMatchObject({ owner: 'Late' });
  });

  test('a parent that the primary lacks is a refusal, which says so by structure', async () => {
    await needOwners('legacy');
    const value = newAccount({ owner: 'Nobody' });
    await expect(at.lockstep.repository(account).create(value)).rejects.toMatchObject({
      code: 'StoreRefused',
      retryable: false,
      details: { store: 'legacy', about: 'row', violation: 'foreign-key' },
    });
    expect(await rowsOf(at, 'accounts', value.id)).toEqual([null, null]);
  });

  test('so is a unique value that is taken', async () => {
    const accounts = at.lockstep.repository(account);
    await accounts.create(newAccount({ email: 'taken@example.org' }));
    await expect(accounts.create(newAccount({ email: 'taken@example.org' }))).rejects.toMatchObject({
      code: 'StoreRefused',
      details: { store: 'legacy', about: 'row', violation: 'unique' },
    });
  });

  test.each([
    ['legacy', refusedByLegacy],
    ['modern', refusedByModern],
  ] as const)('and what %s refuses of a write to both at once', async (store, balance) => {
    await expect(at.lockstep.repository(twin).create(newAccount({ balance }))).rejects.toMatchObject({
      code: 'StoreRefused',
      details: { store, about: 'row', violation: 'check' },
    });
  });
});

test('Temporal that does not answer is not taken for a store', async () => {
  await expect(connectTemporal({ TEMPORAL_ADDRESS: '127.0.0.1:1' })).rejects.toMatchObject({
    code: 'TemporalUnavailable',
    retryable: true,
  });
});
