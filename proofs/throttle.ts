import { createPeopleEnvironment } from './people/environment.ts';
import { LivePeople } from './people/live.ts';
import { personIn } from './people/people.ts';
import { fillPeople } from './people/rows.ts';
import { atLeast, atMost, type Conditions, exactly, type Report, report } from './report.ts';

const writesPerSecond = 5;

/** Live writes are hardly slower while rows are copied by the same worker: the copy gives way to them. */
export async function throttle({ servers, seed, short, note }: Conditions): Promise<Report> {
  // More than the rounds can copy.
  const rows = short ? 100_000 : 3_000_000;
  const phaseMs = short ? 6_000 : 20_000;
  const rounds = short ? 1 : 3;
  await using environment = await createPeopleEnvironment({ servers, form: 'map', from: 'mysql' });
  note(`filling ${rows} rows`);
  await fillPeople(environment.urls.legacy, rows, seed);
  await (await environment.startWorker()).ready();
  await using lockstep = await environment.connect();
  const live = new LivePeople(lockstep, personIn('map'), rows, seed);
  live.start(writesPerSecond);
  await phase();
  live.latencies();

  const backfill = await environment.start({ paused: true });
  const without: number[] = [];
  const during: number[] = [];
  let copied = 0;
  for (let round = 1; round <= rounds; round++) {
    await phase();
    without.push(...live.latencies());
    await backfill.pause(false);
    await phase();
    during.push(...live.latencies());
    const progress = await backfill.progress();
    copied = progress.copied;
    note(`round ${round}: p99 ${p99(without)} ms without, ${p99(during)} ms during, ${copied} rows`);
    await backfill.pause(true);
    await phase(2_000);
    live.latencies();
  }
  const { throttledSeconds } = await backfill.progress();
  await live.stop();
  const ratio = p99(during) / p99(without);
  return report(
    'throttle',
    seed,
    [
      exactly('calls that failed for good', 0, live.failures.length),
      atLeast('rows copied meanwhile', 1_000, copied),
      atLeast('seconds in which the copy gave way', 1, throttledSeconds),
      // In the short form other tests run beside it, and what they take is not ours to judge by.
      ...(short ? [] : [atMost('p99 during ÷ without', 2, Math.round(ratio * 100) / 100)]),
    ],
    {
      writes: live.asked,
      withoutMs: { p50: quantile(without, 0.5), p99: p99(without) },
      duringMs: { p50: quantile(during, 0.5), p99: p99(during) },
      copied,
      throttledSeconds,
    },
  );

  function phase(ms = phaseMs): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }
}

function p99(values: readonly number[]): number {
  return quantile(values, 0.99);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return (
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN) * 10) /
    10
  );
}
