import { expect, test } from 'vitest';
import type { Difference } from '../../databases/contract/comparison.ts';
import { advanceTo, connectAndStart, fixture } from '../support/harness.ts';
import { environmentOf, workerProcess } from '../support/process.ts';

/** So many that they are written down in several goes. */
const rows = 24_000;
const lost = Array.from({ length: rows / 4 }, (_, index) => (index + 1) * 4);

test('a reconciliation whose worker is killed goes on where it was, and finds every difference once', async () => {
  await using at = await fixture({ from: 'postgresql' });
  const { name } = at.migration;
  let worker = await workerProcess(environmentOf(at));
  const [blocker, watcher] = [await at.another('legacy'), await at.another('legacy')];
  try {
    const lockstep = await connectAndStart(at);
    await advanceTo(lockstep, 'dual-write');
    for (const table of ['accounts', 'twins']) {
      const values = Array.from({ length: rows }, (_, index) => `(${index + 1}, 'old', NULL, 5.00)`);
      for (const store of ['legacy', 'modern'] as const)
        await at.sql[store](`INSERT INTO ${table} VALUES ${values.join(', ')}`);
    }
    await at.sql.modern(`UPDATE accounts SET owner = 'planted' WHERE id = 7`);
    await at.sql.modern(`INSERT INTO accounts VALUES (-7, 'planted', NULL, 1.00)`);
    await at.sql.modern(`DELETE FROM twins WHERE id % 4 = 0`);

    // The last of them cannot be written down before this transaction ends.
    await blocker.rows('BEGIN');
    await blocker.rows(
      `INSERT INTO lockstep.differences (migration, entity, record_key, verdict, reason) VALUES ('${name}', 'twin', '["${rows}"]', 'missing', 'held')`,
    );
    const running = lockstep.reconciliation.run();
    await Promise.race([watcher.waiting(1), running]);
    await worker.kill();
    const recorded = (await lockstep.reconciliation.countDifferences()).find(
      ({ entity }) => entity === 'twin',
    );
    expect(recorded?.count ?? 0).toBeLessThan(lost.length);
    // What was over before stays as it was found.
    await at.sql.modern(`UPDATE accounts SET owner = 'old' WHERE id = 7`);
    await blocker.rows('ROLLBACK');
    worker = await workerProcess(environmentOf(at));

    const { found, evidence } = await running;
    expect(found).toBe(2 + lost.length);
    expect(evidence).toMatchObject({ compared: 2 * rows + 1, differences: found, ambiguous: 0, inFlight: 0 });
    const listed = async (from: Promise<Difference[]>) =>
      (await from).map(({ entity, key, verdict }) => `${entity} ${key[0]} ${verdict}`);
    const noted = await listed(at.stores.legacy.differences(name, rows));
    expect(noted.toSorted()).toEqual(
      ['account 7 mismatch', 'account -7 extra', ...lost.map((id) => `twin ${id} missing`)].toSorted(),
    );
    // Whoever asks for them is told what they are now.
    const shown = await listed(lockstep.reconciliation.differences(rows));
    expect(shown.toSorted()).toEqual(noted.filter((one) => one !== 'account 7 mismatch').toSorted());
  } finally {
    await worker.kill();
  }
});
