import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPeopleEnvironment, type PeopleEnvironment } from '../proofs/people/environment.ts';
import { fillPeople } from '../proofs/people/rows.ts';
import { atLeast, type Bar, type Figures, type Report, report } from '../proofs/report.ts';
import { pageByPage, pgloader, rowByRow, shellPipe, type Timed, timed } from './backfill-peers.ts';
import { median, rounded, type Setting } from './bench.ts';

const defaultRows = 1_000_000;
const defaultRuns = 3;
const loopedRows = 20_000;
const results = join(import.meta.dirname, 'results');

/** Rows a second of a whole backfill, workflows and checkpoints included, beside the tools that people use for it now. */
export async function backfill({
  servers,
  seed,
  rows = defaultRows,
  runs = defaultRuns,
  note,
}: Setting): Promise<Report> {
  await using building = new AsyncDisposableStack();
  const map = building.use(await createPeopleEnvironment({ servers, form: 'map', from: 'mysql' }));
  const functions = building.use(
    await createPeopleEnvironment({ servers, form: 'functions', from: 'mysql' }),
  );
  const back = building.use(await createPeopleEnvironment({ servers, form: 'map', from: 'postgresql' }));
  for (const stage of [map, functions, back]) {
    note(`filling ${rows} rows`);
    await fillPeople(stage.urls.legacy, rows, seed);
    await (await stage.startWorker()).ready();
  }
  const loader = await pgloader(map.urls, map.folder);
  const ways = new Map<string, { way: Timed; rows: number }>();
  ways.set('lockstep', { way: copying(map, rows), rows });
  if (typeof loader === 'function') ways.set('pgloader', { way: loader, rows });
  else note(loader.unavailable);
  ways.set('lockstepFunctions', { way: copying(functions, rows), rows });
  ways.set('lockstepBack', { way: copying(back, rows), rows });
  ways.set('pageByPage', { way: pageByPage(map.urls), rows });
  ways.set('shellPipe', { way: shellPipe(map.urls), rows });
  ways.set('rowByRow', {
    way: rowByRow(map.urls, Math.min(loopedRows, rows)),
    rows: Math.min(loopedRows, rows),
  });

  const perSecond = new Map<string, number[]>();
  for (let run = 1; run <= runs; run++) {
    for (const [name, { way, rows: copied }] of ways) {
      const seconds = await way();
      note(`run ${run} of ${runs}: ${name} ${seconds.toFixed(1)} s, ${Math.round(copied / seconds)} rows/s`);
      perSecond.set(name, [...(perSecond.get(name) ?? []), copied / seconds]);
    }
  }
  const found = report('backfill', seed, barsOf(perSecond), {
    rows,
    runs,
    ...(typeof loader === 'function' ? {} : { pgloader: loader.unavailable }),
    rowsPerSecond: figuresOf(perSecond),
  });
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, 'backfill.json'), `${JSON.stringify(found, null, 2)}\n`);
  return found;
}

function copying(stage: PeopleEnvironment, rows: number): Timed {
  return async () => {
    await stage.clear();
    const seconds = await timed(async () => {
      const { done, copied } = await (await stage.start()).result();
      if (!done || copied !== rows) throw new Error(`the backfill copied ${copied} of ${rows} rows`);
    });
    return seconds;
  };
}

/** Ratios within each run, so that what slows a whole run slows both sides. */
function barsOf(perSecond: ReadonlyMap<string, readonly number[]>): Bar[] {
  const ratio = (name: string, to: string) => {
    const peers = perSecond.get(to) ?? [];
    return rounded(
      median((perSecond.get(name) ?? []).map((value, run) => value / (peers[run] ?? Number.NaN))),
    );
  };
  const back = atLeast(
    'PostgreSQL to MariaDB ÷ MariaDB to PostgreSQL',
    0.5,
    ratio('lockstepBack', 'lockstep'),
  );
  if (!perSecond.has('pgloader'))
    return [atLeast('column map ÷ a script that copies pages', 1.5, ratio('lockstep', 'pageByPage')), back];
  return [
    atLeast('column map ÷ pgloader', 1.5, ratio('lockstep', 'pgloader')),
    atLeast('function shape ÷ pgloader', 0.5, ratio('lockstepFunctions', 'pgloader')),
    back,
  ];
}

function figuresOf(perSecond: ReadonlyMap<string, readonly number[]>): Figures {
  return Object.fromEntries([...perSecond].map(([name, values]) => [name, Math.round(median(values))]));
}
