import { createPeopleEnvironment } from './people/environment.ts';
import { fillPeople } from './people/rows.ts';
import { atMost, type Conditions, exactly, type Report, report } from './report.ts';
import { watchResident } from './support/resident.ts';

const limitMegabytes = 400;

/** The resident memory of a worker does not depend on how many rows it copies. */
export async function memory({ servers, seed, short, note }: Conditions): Promise<Report> {
  const [few, many] = short ? [250_000, 1_000_000] : [1_000_000, 5_000_000];
  const small = await peakOf(few);
  const large = await peakOf(many);
  const apart = Math.abs(large.megabytes / small.megabytes - 1);
  const bars = [
    exactly('rows copied', few + many, small.copied + large.copied),
    atMost(`MB resident at ${few} rows`, limitMegabytes, small.megabytes),
    atMost(`MB resident at ${many} rows`, limitMegabytes, large.megabytes),
    atMost('% apart', 20, Math.round(apart * 1000) / 10),
  ];
  return report('memory', seed, bars, {
    [`at${few}`]: small,
    [`at${many}`]: large,
  });

  async function peakOf(rows: number): Promise<{ megabytes: number; copied: number; seconds: number }> {
    await using environment = await createPeopleEnvironment({ servers, form: 'map', from: 'mysql' });
    note(`filling ${rows} rows`);
    await fillPeople(environment.urls.legacy, rows, seed);
    const worker = await environment.startWorker();
    await worker.ready();
    const stop = watchResident(worker.pid);
    const began = performance.now();
    const { copied } = await (await environment.start()).result();
    const seconds = Math.round((performance.now() - began) / 100) / 10;
    const peak = await stop();
    note(`${rows} rows in ${seconds} s, ${peak} MB resident at most`);
    return { megabytes: peak, copied, seconds };
  }
}
