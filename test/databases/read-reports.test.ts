import { beforeEach, expect, test } from 'vitest';
import { noReads, type ReadCounts } from '../../model/read-counts.ts';
import { forEachEngineRole, migrationName } from './engine-roles.ts';

forEachEngineRole('what services have counted', (at, { engine }) => {
  const table = engine === 'PostgreSQL' ? 'lockstep.read_counts' : 'lockstep_read_counts';
  const report = async (id: string, changeNumber: number, given: Partial<ReadCounts>) =>
    await at().store.reportReads(migrationName, { id, changeNumber, counts: { ...noReads, ...given } });
  const reported = async (since: number, withinMs: number | null = null) =>
    await at().store.reportedReads(migrationName, { since, withinMs });

  beforeEach(async () => void (await at().sql(`DELETE FROM ${table}`)));

  test('is added up from a change of the route on, and a report that is sent again counts once', async () => {
    expect(await reported(0)).toEqual({ counts: noReads, lastFallbackMs: null });
    await report('a', 1, { legacy: 100, fellBack: 50 });
    await report('b', 2, { modern: 3, equal: 2 });
    await report('b', 2, { modern: 5, equal: 2, inFlight: 1 });
    await report('c', 3, { modern: 1, unequal: 4, undecided: 1, failed: 7 });
    expect(await reported(2)).toEqual({
      counts: { ...noReads, modern: 6, equal: 2, unequal: 4, inFlight: 1, undecided: 1, failed: 7 },
      lastFallbackMs: null,
    });
    await report('d', 3, { lagged: 1 });
    expect((await reported(2)).lastFallbackMs).toBeLessThan(600_000);
  });

  test('counts within a time only, and goes after it but for the last fallback', async () => {
    await report('old', 1, { modern: 1 });
    await report('older', 1, { modern: 10, fellBack: 1 });
    await report('oldest', 1, { modern: 100, fellBack: 1 });
    for (const [id, year] of [
      ['old', 2022],
      ['older', 2021],
      ['oldest', 2020],
    ])
      await at().sql(`UPDATE ${table} SET counted_at = '${year}-01-01' WHERE id = '${id}'`);
    await report('new', 1, { modern: 1_000 });
    expect((await reported(1, 600_000)).counts.modern).toBe(1_000);
    expect((await reported(1)).counts.modern).toBe(1_111);
    await at().store.pruneReads(migrationName, { olderThanMs: 600_000 });
    const left = await reported(1);
    expect(left.counts.modern).toBe(1_010);
    expect(left.lastFallbackMs).toBeGreaterThan(24 * 3_600_000);
  });
});
