import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import type { Verdict } from '../databases/contract/comparison.ts';
import { Random } from '../examples/orders/random.ts';
import { type CustomerEnvironment, createCustomerEnvironment } from './customers/environment.ts';
import { type Bar, type Conditions, exactly, type Report, report } from './report.ts';

const planted = 10;
const timedRuns = 5;
/** A difference costs a look at its rows; so much more may a comparison take for all of them together. */
const timeBar = 1.1;

/** Every planted difference is found, none is invented, the search takes hardly longer, and a repair leaves nothing. */
export async function differences({ servers, seed, short, note }: Conditions): Promise<Report> {
  const rows = short ? 20_000 : 1_000_000;
  note(`filling both stores with ${rows} rows`);
  await using environment = await createCustomerEnvironment(servers, rows);
  const without = await timed(environment, note, 'equal stores');
  const expected = await plant(environment, rows, new Random(seed));
  note(`planted ${expected.size} differences`);
  const during = await timed(environment, note, 'differing stores');
  const found = new Map(
    (await environment.lockstep.reconciliation.differences(1_000)).map(({ key, verdict }) => [
      key[0] ?? '',
      verdict,
    ]),
  );
  const missed = [...expected].filter(([key, verdict]) => found.get(key) !== verdict);
  const invented = [...found].filter(([key]) => !expected.has(key));
  const { repaired } = await environment.lockstep.reconciliation.run({ repair: true });
  const after = await environment.lockstep.reconciliation.run();
  const ratio = during.seconds / without.seconds;
  const bars: Bar[] = [
    exactly('differences in equal stores', 0, without.found),
    exactly('differences found', expected.size, found.size),
    exactly('planted differences that were missed or misjudged', 0, missed.length),
    exactly('differences that nobody planted', 0, invented.length),
    exactly('differences repaired', expected.size, repaired),
    exactly('differences left after the repair', 0, after.found),
  ];
  // A short run takes no longer than the hops between its steps; what it says of time would be noise.
  if (!short) {
    const got = Number(ratio.toFixed(3));
    bars.push({ name: 'time with differences ÷ without', want: `≤ ${timeBar}`, got, ok: got <= timeBar });
  }
  return report('differences', seed, bars, {
    rows,
    perVerdict: planted,
    secondsWithout: Number(without.seconds.toFixed(2)),
    secondsWith: Number(during.seconds.toFixed(2)),
    missed: missed.map(([, verdict]) => verdict),
  });
}

/** The best of some runs: what other work on the machine adds is no part of it. */
async function timed(environment: CustomerEnvironment, note: Conditions['note'], what: string) {
  let seconds = Number.POSITIVE_INFINITY;
  let found = 0;
  for (let run = 0; run < timedRuns; run++) {
    const began = performance.now();
    ({ found } = await environment.lockstep.reconciliation.run());
    const took = (performance.now() - began) / 1000;
    note(`${what}: ${took.toFixed(2)} s`);
    seconds = Math.min(seconds, took);
  }
  return { seconds, found };
}

/** Gives what must be found, by key. */
async function plant(
  environment: CustomerEnvironment,
  rows: number,
  random: Random,
): Promise<Map<string, Verdict>> {
  const ids = new Set<number>();
  // The upper half: there all numbers have as many digits, so that swapped names are of one length.
  while (ids.size < 3 * planted) ids.add(Math.floor((rows * (1 + random.next())) / 2));
  const all = [...ids];
  const missing = all.slice(0, planted);
  const mismatch = all.slice(planted, 2 * planted);
  const stale = all.slice(2 * planted);
  const extra = Array.from({ length: planted }, (_, at) => (at < planted / 2 ? -1 - at : rows + 1 + at));
  const modern = new pg.Client({ connectionString: environment.direct.modern });
  const legacy = await createConnection(environment.direct.legacy);
  try {
    await modern.connect();
    await modern.query('DELETE FROM customers WHERE id = ANY ($1)', [missing]);
    // Two rows of equal length swap a value, which a linear checksum does not see.
    const [one, other, ...changed] = mismatch;
    await modern.query(
      `UPDATE customers c SET name = o.name FROM customers o
       WHERE (c.id, o.id) IN (($1::bigint, $2::bigint), ($2, $1))`,
      [one, other],
    );
    const changes = [
      "email = ''",
      'amount = amount + 0.01',
      'active = NOT active',
      "seen = seen + interval '1 microsecond'",
    ];
    for (const [at, id] of changed.entries())
      await modern.query(`UPDATE customers SET ${changes[at % changes.length]} WHERE id = $1`, [id]);
    for (const id of extra)
      await modern.query(`INSERT INTO customers VALUES ($1, 'extra', NULL, 1.00, true, NULL, NULL, NULL)`, [
        id,
      ]);
    for (const id of stale) {
      await legacy.query(
        `INSERT INTO lockstep_records (entity, record_key, version, deleted) VALUES ('customer', ?, 2, 0)`,
        [JSON.stringify([String(id)])],
      );
      await modern.query(
        `INSERT INTO lockstep.records (entity, record_key, version, deleted) VALUES ('customer', $1, 1, false)`,
        [JSON.stringify([String(id)])],
      );
    }
    // Half of the stale ones have other rows too.
    await modern.query(`UPDATE customers SET name = 'older' WHERE id = ANY ($1)`, [stale.slice(planted / 2)]);
  } finally {
    await Promise.all([legacy.end(), modern.end()]);
  }
  const of = (keys: readonly number[], verdict: Verdict) =>
    keys.map((key): [string, Verdict] => [String(key), verdict]);
  return new Map([
    ...of(missing, 'missing'),
    ...of(mismatch, 'mismatch'),
    ...of(extra, 'extra'),
    ...of(stale, 'stale'),
  ]);
}
