import { basename } from 'node:path';
import { serverConditions } from '../databases/engine/server-conditions.ts';
import { accountFor } from '../deploy/dev/account.ts';
import { mysql } from '../deploy/dev/mysql.ts';
import { postgresql } from '../deploy/dev/postgresql.ts';
import { type Direct, direct } from '../test/databases/direct.ts';
import { until } from '../test/support/until.ts';
import { differingPeople } from './people/compared.ts';
import { createPeopleEnvironment, type PeopleEnvironment } from './people/environment.ts';
import { peopleTables, personIn, personOf } from './people/people.ts';
import { fillPeople, run } from './people/rows.ts';
import { type Bar, type Conditions, exactly, type Figures, NotHere, type Report, report } from './report.ts';
import { ownServer } from './support/own-server.ts';
import { noDiskReason, smallDisk } from './support/small-disk.ts';

const rows = 80_000;
const liveWrites = 20;
const smallMegabytes = 8;
const largeMegabytes = 64;

/** The disk of the target's table fills up during a backfill, in either direction, and is enlarged. The short form is the same. */
export async function disk(conditions: Conditions): Promise<Report> {
  const why = noDiskReason();
  if (why !== null) throw new NotHere(`disk: ${why}`);
  const filled = [await filledUp(conditions, 'mysql'), await filledUp(conditions, 'postgresql')];
  return report(
    'disk',
    conditions.seed,
    filled.flatMap(({ bars }) => bars),
    Object.fromEntries(filled.map(({ target, figures }) => [target, figures])),
  );
}

async function filledUp({ servers, seed, note }: Conditions, from: 'mysql' | 'postgresql') {
  await using release = new AsyncDisposableStack();
  const server = from === 'mysql' ? postgresql : mysql;
  const target = server.title;
  const small = release.use(smallDisk(accountFor(server.accounts), smallMegabytes));
  const { endpoint } = release.use(await ownServer(from === 'mysql' ? postgresql : mysql, note));
  const environment = release.use(
    await createPeopleEnvironment({ servers: { ...servers, [server.name]: endpoint }, form: 'map', from }),
  );
  await run(
    environment.urls.modern,
    from === 'mysql' ? toPostgresqlDisk(basename(small.folder), small.folder) : toMysqlDisk(small.folder),
  );
  await fillPeople(environment.urls.legacy, rows, seed);
  await (await environment.startWorker()).ready();
  const lockstep = release.use(await environment.connect());
  const look = await direct(environment.urls.modern);
  release.defer(() => look.end());

  const backfill = await environment.start();
  const waiting = await until('the disk is full', async () => (await backfill.progress()).waiting);
  note(`${target}: ${waiting}`);
  const people = lockstep.repository(personIn('map'));
  let failed = 0;
  for (let turn = 1; turn <= liveWrites; turn++)
    await people.create({ ...personOf(rows + turn, turn), note: 'x'.repeat(200) }).catch(() => {
      failed += 1;
    });
  const pending = await lockstep.control.backlog();
  const { before, there } = await copiedBy(environment, look);
  const refusedBefore = await environment.stores.modern.differences(environment.migration.name, 1);

  small.enlarge(largeMegabytes);
  const began = performance.now();
  const result = await backfill.result();
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  await until('nothing is pending', async () => (await lockstep.control.backlog()).pending === 0);
  const { parked } = await lockstep.control.backlog();
  note(`${target}: enlarged at ${before} of ${rows} rows, done ${seconds} s later`);
  const { mysqlUrl, postgresqlUrl } =
    from === 'mysql'
      ? { mysqlUrl: environment.urls.legacy, postgresqlUrl: environment.urls.modern }
      : { mysqlUrl: environment.urls.modern, postgresqlUrl: environment.urls.legacy };
  const bars: Bar[] = [
    exactly(
      `${target}: copied before the disk was full, but not all`,
      'yes',
      before > 0 && before < rows ? 'yes' : 'no',
    ),
    exactly(`${target}: the status names store and cause`, 'yes', namesDisk(waiting) ? 'yes' : 'no'),
    exactly(
      `${target}: what is pending names them too`,
      'yes',
      pending.pending === 0 || namesDisk(pending.reason ?? '') ? 'yes' : 'no',
    ),
    exactly(`${target}: rows that no checkpoint speaks of`, 0, there - before),
    exactly(`${target}: rows refused meanwhile`, 0, refusedBefore.length),
    exactly(`${target}: rows refused`, 0, result.refused),
    exactly(`${target}: calls that failed`, 0, failed),
    exactly(`${target}: writes parked`, 0, parked),
    exactly(`${target}: backfills that were done`, 1, result.done ? 1 : 0),
    exactly(`${target}: people that differ`, 0, await differingPeople(mysqlUrl, postgresqlUrl)),
  ];
  const figures: Figures = {
    waiting,
    copiedBefore: before,
    pendingMeanwhile: pending.pending,
    secondsAfter: seconds,
  };
  return { target, bars, figures };
}

function namesDisk(text: string): boolean {
  return (
    text.includes('the modern store') &&
    text.includes(serverConditions.disk.cause) &&
    text.includes(serverConditions.disk.remedy)
  );
}

function toPostgresqlDisk(name: string, folder: string): string[] {
  return [
    `CREATE TABLESPACE "${name}" LOCATION '${folder}'`,
    `ALTER TABLE people SET TABLESPACE "${name}"`,
    `ALTER INDEX people_pkey SET TABLESPACE "${name}"`,
  ];
}

function toMysqlDisk(folder: string): string[] {
  const [people] = peopleTables.mysql;
  return ['DROP TABLE people', `${people} DATA DIRECTORY = '${folder}'`];
}

/** By one statement, as other ranges may still find room: what the checkpoints say, and what is there. */
async function copiedBy({ stores }: PeopleEnvironment, { rows: query }: Direct) {
  const chunks = stores.modern.engine === 'postgresql' ? 'lockstep.chunks' : 'lockstep_chunks';
  const [row] = await query(
    `SELECT (SELECT sum(copied) FROM ${chunks}) AS copied, (SELECT count(*) FROM people WHERE id <= ${rows}) AS there`,
  );
  return { before: Number(row?.copied), there: Number(row?.there) };
}
