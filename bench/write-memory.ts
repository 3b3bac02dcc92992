import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { atMost, type Report, report } from '../proofs/report.ts';
import { median, rounded, type Setting } from './bench.ts';
import { embeddedWay } from './embedded-way.ts';

const defaultWrites = 1_000_000;
const callers = 128;
const keys = Array.from({ length: 20_000 }, () => randomUUID());
const samples = 20;

/**
 * The resident memory of a service with an embedded worker, this process, after a tenth of its writes and after all of them.
 * They go round the same keys, so that nothing but the writes grows. `--rows` is how many.
 */
export async function writeMemory({ servers, seed, rows, note }: Setting): Promise<Report> {
  const all = rows ?? defaultWrites;
  await using way = await embeddedWay(servers);
  let begun = 0;
  const began = performance.now();
  const writeUntil = async (count: number): Promise<number> => {
    await Promise.all(
      Array.from({ length: callers }, async () => {
        while (begun < count) {
          begun += 1;
          if (begun % 10_000 === 0)
            note(
              `${begun} writes after ${Math.round((performance.now() - began) / 1_000)} s, ${megabytes()} MB`,
            );
          await way.write(accountOf(begun), 'both');
        }
      }),
    );
    return await settledMegabytes();
  };
  const early = await writeUntil(Math.ceil(all / 10));
  note(`${begun} writes: ${rounded(early)} MB resident`);
  const late = await writeUntil(all);
  const seconds = (performance.now() - began) / 1_000;
  return report(
    'write-memory',
    seed,
    [atMost('resident memory after all writes ÷ after a tenth of them', 1.1, rounded(late / early))],
    {
      writes: all,
      perSecond: rounded(all / seconds),
      earlyMegabytes: rounded(early),
      lateMegabytes: rounded(late),
    },
  );
}

/** What stays when the last workflows are over: the median of two seconds. */
async function settledMegabytes(): Promise<number> {
  await pause(2_000);
  const seen: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    seen.push(megabytes());
    await pause(100);
  }
  return median(seen);
}

function megabytes(): number {
  return Math.round(process.memoryUsage.rss() / 2 ** 20);
}

function accountOf(index: number) {
  return {
    id: keys[(index * 7_919) % keys.length] ?? randomUUID(),
    owner: `owner ${index}`,
    balance: '12.50',
    note: null,
    openedOn: '2026-01-31',
    seenAt: '2026-01-31T12:00:00.000001Z',
    mark: index % 1_000_000,
  };
}
