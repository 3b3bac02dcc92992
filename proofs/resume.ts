import pg from 'pg';
import { Random } from '../examples/orders/random.ts';
import { differingPeople } from './people/compared.ts';
import { createPeopleEnvironment, type PeopleEnvironment } from './people/environment.ts';
import { LivePeople } from './people/live.ts';
import { personIn } from './people/people.ts';
import { fillPeople } from './people/rows.ts';
import { atMost, type Conditions, exactly, type Report, report } from './report.ts';

/** Heartbeat and workflow task timeouts: how long Temporal may take to give a dead worker's work to another. */
const timeoutsSeconds = 20;
const writesPerSecond = 5;

/** The only worker dies again and again during one backfill under a live writer; no committed chunk is copied again. */
export async function resume({ servers, seed, short, note }: Conditions): Promise<Report> {
  const rows = short ? 20_000 : 200_000;
  const kills = short ? 2 : 10;
  const rate = rows / (short ? 10 : 25);
  const undisturbed = await (async () => {
    await using environment = await createPeopleEnvironment({ servers, form: 'map', from: 'mysql' });
    await fillPeople(environment.urls.legacy, rows, seed);
    await (await environment.startWorker()).ready();
    const began = performance.now();
    await (await environment.start({ rate })).result();
    return (performance.now() - began) / 1000;
  })();
  note(`undisturbed: ${undisturbed.toFixed(1)} s`);

  await using environment = await createPeopleEnvironment({ servers, form: 'map', from: 'mysql' });
  await fillPeople(environment.urls.legacy, rows, seed);
  await witness(environment);
  let worker = await environment.startWorker();
  await worker.ready();
  await using lockstep = await environment.connect();
  const live = new LivePeople(lockstep, personIn('map'), rows, seed);
  const random = new Random(seed);
  live.start(writesPerSecond);
  const began = performance.now();
  const backfill = await environment.start({ rate });
  let awaySeconds = 0;
  let killed = 0;
  for (; killed < kills; killed++) {
    const before = await seen(environment);
    // Some rows further on, at any moment of a chunk.
    while ((await seen(environment)) < before + rows / (kills * 4)) await wait(random.between(5, 100));
    await worker.kill();
    const at = performance.now();
    worker = await environment.startWorker();
    await worker.ready();
    awaySeconds += (performance.now() - at) / 1000;
    note(`worker ${killed + 1} of ${kills} killed, ${await seen(environment)} of ${rows} rows looked at`);
  }
  const result = await backfill.result();
  const seconds = (performance.now() - began) / 1000;
  await live.stop();
  await drained(environment);

  const chunks = await environment.stores.modern.chunks(environment.migration.name, 'person');
  const looked = chunks.reduce((sum, { copied, skipped, refused }) => sum + copied + skipped + refused, 0);
  const twice = await checkRecorded(environment);
  const bars = [
    exactly('workers killed', kills, killed),
    exactly('backfills that were done', 1, result.done ? 1 : 0),
    exactly('calls that failed for good', 0, live.failures.length),
    exactly('chunks that were committed twice', 0, twice.chunks),
    exactly('rows that were put in twice', 0, twice.rows),
    exactly('rows refused', 0, result.refused),
    exactly('people that differ', 0, await differingPeople(environment.urls.legacy, environment.urls.modern)),
    atMost(
      'seconds in all',
      Math.round(1.5 * undisturbed + awaySeconds + kills * timeoutsSeconds),
      Math.round(seconds),
    ),
  ];
  return report('resume', seed, bars, {
    rows,
    undisturbedSeconds: Math.round(undisturbed * 10) / 10,
    seconds: Math.round(seconds * 10) / 10,
    awaySeconds: Math.round(awaySeconds * 10) / 10,
    looked,
    liveWrites: live.asked,
  });
}

/** Lets the database itself note which rows were put in, and where checkpoints went. */
async function witness(environment: PeopleEnvironment): Promise<void> {
  await onModern(environment, [
    'CREATE TABLE put_in (id integer NOT NULL)',
    'CREATE TABLE moved (range_no integer, from_key text, to_key text)',
    `CREATE FUNCTION note_rows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO put_in SELECT id FROM added; RETURN NULL; END $$`,
    `CREATE TRIGGER noted AFTER INSERT ON people REFERENCING NEW TABLE AS added
       FOR EACH STATEMENT EXECUTE FUNCTION note_rows()`,
    `CREATE FUNCTION note_chunk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO moved VALUES (NEW.range_no, OLD.cursor_key, NEW.cursor_key); RETURN NULL; END $$`,
    'CREATE TRIGGER noted AFTER UPDATE ON lockstep.chunks FOR EACH ROW EXECUTE FUNCTION note_chunk()',
  ]);
}

/** A row that a live write has touched may well be put in again. */
async function checkRecorded(environment: PeopleEnvironment): Promise<{ rows: number; chunks: number }> {
  const [row] = await onModern(environment, [
    `SELECT
       (SELECT count(*) FROM (SELECT id FROM put_in GROUP BY id HAVING count(*) > 1) p
        WHERE NOT EXISTS (SELECT FROM lockstep.records r WHERE r.record_key = json_build_array(p.id::text)::text)) AS rows,
       (SELECT count(*) FROM (SELECT 1 FROM moved GROUP BY range_no, from_key HAVING count(*) > 1) m) AS chunks`,
  ]);
  return { rows: Number(row?.rows), chunks: Number(row?.chunks) };
}

async function seen({ stores, migration }: PeopleEnvironment): Promise<number> {
  const chunks = await stores.modern.chunks(migration.name, 'person');
  return chunks.reduce((sum, { copied, skipped, refused }) => sum + copied + skipped + refused, 0);
}

/** Until nothing is pending to the modern store. */
async function drained({ stores, migration }: PeopleEnvironment): Promise<void> {
  for (let look = 0; look < 600; look++) {
    const pending = await stores.legacy.journalBacklog(migration.name);
    if (pending.pending + pending.parked === 0) return;
    await wait(100);
  }
}

async function onModern(
  { urls }: PeopleEnvironment,
  statements: readonly string[],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: urls.modern });
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
