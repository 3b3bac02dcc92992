import type { StoreName } from '../model/failure.ts';
import { createDatabasesOn } from '../test/support/databases.ts';
import type { Account } from './account/account.ts';
import { legacyContents, modernContents, rowText, withLegacy, withModern } from './account/contents.ts';
import { createProofEnvironment, type ProofEnvironment } from './account/environment.ts';
import { RandomWrites } from './account/random.ts';
import { atMost, type Bar, type Conditions, exactly, type Report, report } from './report.ts';

const delayMs = 4_000;
/** Beyond the delay: for the task queue and for both reads, on a machine that does other things too. */
const withinMs = delayMs + 10_000;
const patienceMs = 60_000;
const atOnce = 8;

/** What is done to a row behind Lockstep's back. */
interface Tampering {
  readonly name: string;
  /** The verdict that is wanted. */
  readonly verdict: string;
  /** Done to a record that was deleted. */
  readonly afterDelete?: true;
  readonly sql: (store: StoreName, account: Account) => string;
}

const tableOf = { legacy: 'acct', modern: 'accounts' } as const;

const tamperings: readonly Tampering[] = [
  {
    name: 'a column changed',
    verdict: 'mismatch',
    sql: (store, { id }) => `UPDATE ${tableOf[store]} SET note = 'tampered' WHERE id = '${id}'`,
  },
  {
    name: 'a row removed',
    verdict: 'missing',
    sql: (store, { id }) => `DELETE FROM ${tableOf[store]} WHERE id = '${id}'`,
  },
  {
    name: 'a deleted row put back',
    verdict: 'extra',
    afterDelete: true,
    sql: (store, { id }) =>
      store === 'legacy'
        ? `INSERT INTO acct VALUES ('${id}', 'back', 0, NULL, '2001-01-01', '2001-01-01', 0)`
        : `INSERT INTO accounts VALUES ('${id}', 'back', 0, NULL, '2001-01-01', '2001-01-01', 0)`,
  },
];

interface Found {
  readonly verdict: string | null;
  readonly reason: string | null;
  /** From the answer to the write. */
  readonly afterMs: number;
}

/** Rows that are altered after a write are found by reading it back, with the store that was altered, and put right. */
export async function tamper({ servers, seed, short, note }: Conditions): Promise<Report> {
  const rounds = short ? 2 : 25;
  const untouched = short ? 10 : 200;
  await using databases = await createDatabasesOn(servers);
  await using environment = await createProofEnvironment({
    servers,
    databases,
    pattern: 'primary-secondary',
    phase: 'dual-write',
    settings: { postWriteValidation: { share: 1, delayMs, repair: true } },
  });
  const writes = new RandomWrites(seed);
  const accounts = environment.lockstep.repository(environment.account);
  const left: Account[] = [];
  for (let index = 0; index < untouched; index++) left.push(writes.account(writes.newKey()));
  await inTurns(left, async (value) => void (await accounts.create(value, { ack: 'both' })));

  const bars: Bar[] = [];
  const wrong: string[] = [];
  const times: number[] = [];
  const wanted = new Map<string, Account | null>(left.map((value) => [value.id, value]));
  let tampered = 0;
  for (const store of ['legacy', 'modern'] as const) {
    for (const tampering of tamperings) {
      const name = `${tampering.name} in ${store}`;
      note(name);
      const values = Array.from({ length: rounds }, () => writes.account(writes.newKey()));
      let named = 0;
      await inTurns(values, async (value) => {
        tampered += 1;
        wanted.set(value.id, tampering.afterDelete ? null : value);
        const found = await tryOut(environment, store, tampering, value);
        times.push(found.afterMs);
        if (found.verdict === tampering.verdict && found.reason?.includes(`the ${store} store's row`))
          named += 1;
        else wrong.push(`${name}: ${found.verdict ?? 'not found'} ${found.reason ?? ''}`);
      });
      bars.push(exactly(name, rounds, named));
    }
  }
  return await concluded({ environment, seed, note, bars, wrong, times, wanted, tampered });
}

async function tryOut(
  environment: ProofEnvironment,
  store: StoreName,
  tampering: Tampering,
  value: Account,
): Promise<Found> {
  const accounts = environment.lockstep.repository(environment.account);
  await accounts.create(value, { ack: 'both' });
  if (tampering.afterDelete) await accounts.delete(value.id, { ack: 'both' });
  const answeredAt = performance.now();
  const sql = tampering.sql(store, value);
  if (store === 'legacy') await withLegacy(environment.direct.legacy, (query) => query(sql));
  else await withModern(environment.direct.modern, (query) => query(sql));
  const tamperedAfterMs = performance.now() - answeredAt;
  if (tamperedAfterMs > delayMs)
    throw new Error(`the machine is too busy: a row was altered ${tamperedAfterMs} ms after its write`);
  for (;;) {
    const [row] = await withLegacy(environment.direct.legacy, (query) =>
      query(`SELECT verdict, reason FROM lockstep_differences WHERE record_key = '["${value.id}"]'`),
    );
    const afterMs = performance.now() - answeredAt;
    if (row || afterMs > patienceMs)
      return { verdict: row?.verdict ?? null, reason: row?.reason ?? null, afterMs };
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function concluded(run: {
  environment: ProofEnvironment;
  seed: number;
  note: Conditions['note'];
  bars: readonly Bar[];
  wrong: readonly string[];
  times: readonly number[];
  wanted: ReadonlyMap<string, Account | null>;
  tampered: number;
}): Promise<Report> {
  const { environment, seed, note, bars, wrong, wanted, tampered } = run;
  // A finding is recorded after its repair; what is left untouched is looked at within the delay too.
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  const [legacy, modern] = [
    await legacyContents(environment.direct.legacy),
    await modernContents(environment.direct.modern),
  ];
  const unhealed = [...wanted].filter(([id, value]) => {
    const expected = value ? rowText(value) : undefined;
    return legacy.rows.get(id) !== expected || modern.rows.get(id) !== expected;
  });
  const regressed = legacy.journal.filter(({ key, version }) => {
    const versions = [legacy, modern].map(({ records }) => BigInt(records.get(key)?.version ?? 0));
    return versions[0] !== versions[1] || versions.some((held) => held < BigInt(version ?? 0));
  });
  const [differences] = await withLegacy(environment.direct.legacy, (query) =>
    query('SELECT COUNT(*) AS found FROM lockstep_differences'),
  );
  const times = run.times.toSorted((left, right) => left - right).map(Math.round);
  const found = report(
    'tamper',
    seed,
    [
      ...bars,
      exactly('findings about rows that nobody altered', 0, Number(differences?.found) - tampered),
      atMost('milliseconds from the answer of a write to the finding, at most', withinMs, times.at(-1) ?? 0),
      exactly('rows that are not as they were written, after the repair', 0, unhealed.length),
      exactly('versions that differ or went back', 0, regressed.length),
    ],
    {
      delayMs,
      altered: tampered,
      untouched: wanted.size - tampered,
      foundAfterMs: { p50: times[Math.floor(times.length / 2)] ?? null, max: times.at(-1) ?? null },
      wrong: wrong.slice(0, 20),
    },
  );
  if (!found.pass) {
    environment.keepFolder();
    note(`the worker's log is in ${environment.folder}`);
  }
  return found;
}

async function inTurns<T>(values: readonly T[], work: (value: T) => Promise<void>): Promise<void> {
  const waiting = [...values];
  const worker = async () => {
    for (let value = waiting.shift(); value !== undefined; value = waiting.shift()) await work(value);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
