import { expect, test } from 'vitest';
import { account, newAccount } from '../support/accounts.ts';
import { writeFirstRoute } from '../support/first-route.ts';
import { fixture } from '../support/harness.ts';

/** Temporal takes fewer updates of one workflow at a time. */
const calls = 25;

test('a call that Temporal turns away at once is not told that no answer came in time', async () => {
  // Grouped, the writes of one record would wait for each other in this process.
  await using at = await fixture({ entities: [account], write: { groupSize: 1 } });
  await writeFirstRoute(at.stores, at.migration.name);
  const lockstep = await at.connect();
  const value = newAccount();
  const options = { operationId: `often-${value.id}`, timeoutMs: 600_000 };
  const refusals = Array.from({ length: calls }, () =>
    lockstep
      .repository(account)
      .create(value, options)
      .catch((error: unknown) => error),
  );
  const refused = await Promise.race(refusals);
  expect(refused).toMatchObject({ code: 'OutcomeUnknown', message: expect.stringContaining('limit') });
  expect(String(refused)).not.toContain('no answer within');
  await at.work();
  await Promise.all(refusals);
});
