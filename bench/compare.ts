import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { comparedColumns } from '../proofs/customers/customers.ts';
import { createCustomerEnvironment } from '../proofs/customers/environment.ts';
import { atLeast, exactly, type Report, report } from '../proofs/report.ts';
import { median, rounded, type Setting } from './bench.ts';
import { installReladiff, reladiffVersion, timeReladiff } from './reladiff.ts';

const defaultRows = 1_000_000;
const defaultRuns = 3;
/** reladiff's own default, and what gives each core of a small server something to do. */
const threads = [1, 4] as const;

/**
 * Comparing a table that does not differ: a reconciliation through its real workflow, against reladiff on the same columns.
 * Both run in turn in the same minutes; who begins changes from run to run.
 */
export async function compare({ servers, seed, rows, runs, note }: Setting): Promise<Report> {
  const count = rows ?? defaultRows;
  await installReladiff(note);
  note(`filling both stores with ${count} rows`);
  await using stage = await createCustomerEnvironment(servers, count);
  const [key = '', ...columns] = comparedColumns;

  const differences: number[] = [];
  const compared: number[] = [];
  const lockstep = async () => {
    const began = performance.now();
    const { evidence, found } = await stage.lockstep.reconciliation.run();
    differences.push(found);
    compared.push(evidence?.compared ?? 0);
    return (performance.now() - began) / 1000;
  };
  const peer = (threadCount: number) => async () => {
    const found = await timeReladiff(stage.direct, 'customers', key, columns, threadCount);
    differences.push(found.differences);
    return found.seconds;
  };
  const ways = { lockstep, ...Object.fromEntries(threads.map((many) => [`reladiff${many}`, peer(many)])) };
  const seconds = await inTurn(ways, runs ?? defaultRuns, note);
  const own = median(seconds.lockstep ?? []);
  const peers = threads.map((many) => median(seconds[`reladiff${many}`] ?? []));
  const best = Math.min(...peers);

  const found = report(
    'compare',
    seed,
    [
      atLeast('times as fast as reladiff at its best', 1.3, rounded(best / own)),
      exactly('differences that any run found', 0, Math.max(...differences)),
      exactly('rows that each reconciliation compared', count, Math.min(...compared)),
    ],
    {
      rows: count,
      columns: comparedColumns,
      runs: runs ?? defaultRuns,
      cores: availableParallelism(),
      lockstepSeconds: rounded(own),
      lockstepRowsPerSecond: Math.round(count / own),
      reladiff: reladiffVersion,
      ...Object.fromEntries(
        threads.map((many, at) => [`reladiffSecondsWith${many}Threads`, rounded(peers[at] ?? Number.NaN)]),
      ),
      all: Object.fromEntries(
        Object.entries(seconds).map(([name, all]) => [name, all.map((one) => one.toFixed(2))]),
      ),
    },
  );
  const results = join(import.meta.dirname, 'results');
  await mkdir(results, { recursive: true });
  await writeFile(join(results, 'compare.json'), `${JSON.stringify(found, null, 1)}\n`);
  return found;
}

/** Once without counting, so that neither pays for cold caches. */
async function inTurn(
  ways: Readonly<Record<string, () => Promise<number>>>,
  runs: number,
  note: (line: string) => void,
): Promise<Record<string, number[]>> {
  const names = Object.keys(ways);
  const seconds: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]));
  for (const name of names) await ways[name]?.();
  for (let run = 0; run < runs; run++) {
    for (const name of run % 2 === 0 ? names : names.toReversed()) {
      const took = (await ways[name]?.()) ?? Number.NaN;
      seconds[name]?.push(took);
      note(`${name} ${took.toFixed(2)} s`);
    }
  }
  return seconds;
}
