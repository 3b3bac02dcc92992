import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { atMost, NotHere, type Report, report } from '../proofs/report.ts';
import { median, rounded, type Setting } from './bench.ts';
import { RunningWay } from './writes/running-way.ts';
import { openStage } from './writes/stage.ts';
import { ways } from './writes/ways.ts';

const defaultWrites = 1_000_000;
const callers = 128;
/** Of a turn: it keeps the time of each of its writes. */
const turnWrites = 10_000;
const samples = 20;

/**
 * The resident memory of a service with an embedded worker after a tenth of its writes and after all of them. They go round the
 * same keys, so that nothing but the writes grows. `--rows` is how many.
 */
export async function writeMemory({ servers, seed, rows, note }: Setting): Promise<Report> {
  const all = rows ?? defaultWrites;
  await using stage = await openStage(servers, seed, { lockstep: 'embedded' });
  await using running = await RunningWay.open(ways.embeddedBoth, stage.place('embedded'), seed);
  let written = 0;
  let failed = 0;
  let seconds = 0;
  const writeUntil = async (count: number): Promise<number> => {
    while (written < count) {
      const turn = await running.turn(callers, { atLeast: Math.min(turnWrites, count - written) });
      written += turn.writes;
      failed += turn.failed;
      seconds += turn.seconds;
      note(`${written} writes after ${Math.round(seconds)} s, ${rounded(await megabytesOf(running.pid))} MB`);
    }
    return await settledMegabytes(running.pid);
  };
  const early = await writeUntil(all / 10);
  const late = await writeUntil(all);
  return report(
    'write-memory',
    seed,
    [atMost('resident memory after all writes ÷ after a tenth of them', 1.1, rounded(late / early))],
    {
      writes: written,
      failed,
      perSecond: rounded(written / seconds),
      earlyMegabytes: rounded(early),
      lateMegabytes: rounded(late),
    },
  );
}

/** What stays when the last workflows are over: the median of two seconds. */
async function settledMegabytes(pid: number): Promise<number> {
  await pause(2_000);
  const seen: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    seen.push(await megabytesOf(pid));
    await pause(100);
  }
  return median(seen);
}

async function megabytesOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => {
    throw new NotHere('the memory of another process is read from /proc, which Linux has');
  });
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024;
}
