import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connected } from '../test/support/connect-both.ts';
import { entryOf, type WriteWay } from './account/way.ts';
import { createPeopleEnvironment, type PeopleEnvironment } from './people/environment.ts';
import { LivePeople } from './people/live.ts';
import { personIn } from './people/people.ts';
import { fillPeople } from './people/rows.ts';
import {
  atLeast,
  atMost,
  type Bar,
  type Conditions,
  exactly,
  NotHere,
  type Report,
  report,
} from './report.ts';

const rates = [10, 50] as const;
/** Writes a second of the one caller; 0 is the copy alone. */
type Rate = 0 | (typeof rates)[number];

/** What was seen at one rate, in all rounds. */
interface Seen {
  readonly withoutMs: number[];
  readonly duringMs: number[];
  readonly keysPerSecond: number[];
}

/**
 * What giving way costs, and what it is good for: a copy alone and beside one caller, in turn in each round. It keeps most of
 * its speed, and the writes are hardly slower.
 */
export async function throttle({ servers, seed, short, way = 'group', note }: Conditions): Promise<Report> {
  const rows = short ? 300_000 : 3_000_000;
  const phaseMs = short ? 3_000 : 10_000;
  const rounds = short ? 1 : 5;
  const entry = entryOf(way, 'primary-secondary');
  await using environment = await createPeopleEnvironment({ servers, form: 'map', entry, from: 'mysql' });
  note(`filling ${rows} rows`);
  await fillPeople(environment.urls.legacy, rows, seed);
  await using lockstep = await connected(environment, way);
  const live = new LivePeople(lockstep, personIn('map', entry), rows, seed);
  const seen = new Map<Rate, Seen>(
    [0 as const, ...rates].map((rate) => [rate, { withoutMs: [], duringMs: [], keysPerSecond: [] }]),
  );
  let throttledSeconds = 0;
  let copied = 0;
  for (let round = 1; round <= rounds; round++) {
    for (const [rate, { withoutMs, duringMs, keysPerSecond }] of inTurn(seen, round)) {
      if (rate > 0) {
        live.start(rate);
        await sleep(1_000);
        live.latencies();
        await sleep(phaseMs);
        withoutMs.push(...live.latencies());
      }
      const taken = await copyFor(environment, live, phaseMs);
      duringMs.push(...taken.latencies);
      await live.stop();
      live.latencies();
      keysPerSecond.push(taken.keys / taken.seconds);
      copied += taken.keys;
      throttledSeconds += taken.throttledSeconds;
      note(
        `round ${round}: ${rate} writes/s, ${Math.round(keysPerSecond.at(-1) ?? 0)} keys/s, ` +
          `p99 ${p99(withoutMs)} ms without, ${p99(duringMs)} ms during`,
      );
    }
  }
  return report(
    'throttle',
    seed,
    [
      exactly('calls that failed for good', 0, live.failures.length),
      atLeast('rows copied meanwhile', 1_000, copied),
      // In the short form other tests run beside it, and what they take is not ours to judge by.
      ...(short ? [] : barsOf(seen)),
    ],
    {
      way,
      load: loadavg().map((load) => load.toFixed(1)),
      writes: live.asked,
      copied,
      throttledSeconds,
      ...Object.fromEntries([...seen].map(([rate, found]) => [`${rate} writes/s`, figuresOf(found, seen)])),
    },
  );
}

/** A service beside a worker's process, or with the worker in its own. */
async function connected(environment: PeopleEnvironment, way: WriteWay): Promise<Connected> {
  if (way === 'embedded') return await environment.connect({ worker: 'embedded' });
  if (way === 'single') throw new NotHere('throttle takes the ways group, journal and embedded, not single');
  await (await environment.startWorker()).ready();
  return await environment.connect();
}

/** Who begins changes from round to round. */
function inTurn<T>(ways: ReadonlyMap<Rate, T>, round: number): (readonly [Rate, T])[] {
  const all = [...ways];
  const first = round % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

/** A new backfill for so long, or until it is through, from when its ranges are planned. Keys are counted by what is committed. */
async function copyFor(
  environment: PeopleEnvironment,
  live: LivePeople,
  ms: number,
): Promise<{ keys: number; seconds: number; throttledSeconds: number; latencies: number[] }> {
  await environment.clear();
  const backfill = await environment.start({ paused: true });
  const ended = backfill.result();
  while ((await backfill.progress()).total === 0) await sleep(100);
  const began = performance.now();
  live.latencies();
  await backfill.pause(false);
  let keys = 0;
  let seconds = 0;
  // However slow the machine is, something is to be seen.
  while (keys === 0) {
    await Promise.race([ended, sleep(ms)]);
    seconds = (performance.now() - began) / 1_000;
    const chunks = await environment.stores.modern.chunks(environment.migration.name, 'person');
    keys = chunks.reduce((sum, { copied, skipped }) => sum + copied + skipped, 0);
  }
  const latencies = live.latencies();
  const { throttledSeconds } = await backfill.progress();
  await backfill.end();
  await sleep(1_000);
  return { keys, seconds, throttledSeconds, latencies };
}

function barsOf(seen: ReadonlyMap<Rate, Seen>): Bar[] {
  return rates.flatMap((rate) => {
    const found = seen.get(rate);
    return [
      atLeast(`speed beside ${rate} writes/s ÷ alone`, 0.4, shareOf(found, seen)),
      atMost(`p99 beside ${rate} writes/s during ÷ without`, 2, slowdownOf(found)),
    ];
  });
}

function figuresOf(found: Seen, seen: ReadonlyMap<Rate, Seen>) {
  const keysPerSecond = Math.round(quantile(found.keysPerSecond, 0.5));
  if (found.withoutMs.length === 0) return { keysPerSecond };
  return {
    keysPerSecond,
    speedOfAlone: shareOf(found, seen),
    withoutMs: { p50: quantile(found.withoutMs, 0.5), p99: p99(found.withoutMs) },
    duringMs: { p50: quantile(found.duringMs, 0.5), p99: p99(found.duringMs) },
    p99Ratio: slowdownOf(found),
  };
}

/** Within each round, so that what slows a whole round slows both sides. */
function shareOf(found: Seen | undefined, seen: ReadonlyMap<Rate, Seen>): number {
  const alone = seen.get(0)?.keysPerSecond ?? [];
  const shares = (found?.keysPerSecond ?? []).map((speed, round) => speed / (alone[round] ?? Number.NaN));
  return Math.round(quantile(shares, 0.5, 100) * 100) / 100;
}

function slowdownOf(found: Seen | undefined): number {
  return Math.round((p99(found?.duringMs ?? []) / p99(found?.withoutMs ?? [])) * 100) / 100;
}

function p99(values: readonly number[]): number {
  return quantile(values, 0.99);
}

function quantile(values: readonly number[], share: number, parts = 10): number {
  const sorted = values.toSorted((left, right) => left - right);
  const at = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return Math.round(at * parts) / parts;
}
