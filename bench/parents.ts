import { z } from 'zod';
import { status } from '../deploy/dev/servers.ts';
import { entity } from '../model/entity.ts';
import { table } from '../model/shape.ts';
import { atLeast, type Bar, exactly, type Report, report } from '../proofs/report.ts';
import { writeFirstRoute } from '../test/support/first-route.ts';
import { createFixture, type Fixture } from '../test/support/fixture.ts';
import type { BackfillInput } from '../workflows/backfill/run.ts';
import { type BackfillProgress, backfillWorkflowId } from '../workflows/messages.ts';
import { timed } from './backfill-peers.ts';
import { median, rounded, type Setting } from './bench.ts';
import { type LoadedTable, loadByHand } from './parents-by-hand.ts';
import { cpuSeconds } from './writes/cpu.ts';

type BackfillWorkflow = (input: BackfillInput) => Promise<BackfillProgress>;

const defaultRows = 1_000_000;
const defaultRuns = 3;

/** What the parent of row `i` is, in SQL: an earlier one, or the next one, so that nothing is in its order. */
const parentOf: Readonly<Record<string, string>> = {
  plain: 'IF(i = 1, NULL, FLOOR(i / 2))',
  tree: 'IF(i = 1, NULL, FLOOR(i / 2))',
  backwards: 'i + 1',
  grandchildren: 'i',
  children: 'i',
  parents: 'NULL',
};
const referredTo: Readonly<Record<string, string>> = {
  tree: 'tree',
  backwards: 'backwards',
  grandchildren: 'children',
  children: 'parents',
};
/** Each is a backfill of its own; the levels are declared from the last one to the first. */
const ways = {
  plain: ['plain'],
  tree: ['tree'],
  backwards: ['backwards'],
  levels: ['grandchildren', 'children', 'parents'],
} as const;

const half = (row: number) => (row === 1 ? null : Math.floor(row / 2));
const same = (row: number) => row;
const none = () => null;
/** The same rows by hand, parents first. */
const handWays: Readonly<Record<string, readonly LoadedTable[]>> = {
  plain: [{ name: 'plain', parentOf: half }],
  tree: [{ name: 'tree', parentOf: half }],
  levels: [
    { name: 'parents', parentOf: none },
    { name: 'children', parentOf: same },
    { name: 'grandchildren', parentOf: same },
  ],
};

const entities = Object.keys(parentOf).map((name) =>
  entity({
    name,
    schema: z.strictObject({ id: z.int(), parent: z.int().nullable(), label: z.string() }),
    key: 'id',
    legacy: table(name),
    modern: table(name),
  }),
);

const columns = 'id integer NOT NULL PRIMARY KEY, parent integer, label varchar(60) NOT NULL';
const made = Object.keys(parentOf).toReversed();
const legacy = made.map((name) => `CREATE TABLE ${name} (${columns})`);
const modern = made.map((name) => {
  const parent = referredTo[name];
  const key = parent ? `, FOREIGN KEY (parent) REFERENCES ${parent} (id)` : '';
  return `CREATE TABLE ${name} (${columns}${key})`;
});

/**
 * How foreign keys slow a backfill from MySQL/MariaDB to PostgreSQL: rows of their own table, and three levels declared backwards.
 * The same rows by hand say how much of that is the server's own check; seconds of CPU say it where other work disturbs.
 */
export async function parents({
  servers,
  seed,
  rows = defaultRows,
  runs = defaultRuns,
  note,
}: Setting): Promise<Report> {
  await using at = await createFixture(servers, { entities, tables: { legacy, modern } });
  for (const name of made) {
    note(`filling ${rows} rows of ${name}`);
    await fill(at, name, rows);
  }
  await writeFirstRoute(at.stores, at.migration.name, 'backfill');
  await at.work();
  const perSecond = new Map<string, number[]>();
  const byHand = new Map<string, number[]>();
  const cpu = new Map<string, number[]>();
  const pids = [process.pid, ...(await status()).flatMap(({ pid }) => pid ?? [])];
  let refused = 0;
  let copied = 0;
  for (let run = 1; run <= runs; run++) {
    for (const [name, names] of Object.entries(ways)) {
      await at.sql.modern(`TRUNCATE TABLE ${made.join(', ')}`);
      const before = cpuSeconds(pids);
      const seconds = await timed(async () => {
        const result = await copy(at, names);
        refused += result.refused;
        copied += result.copied;
      });
      const speed = (names.length * rows) / seconds;
      note(`run ${run} of ${runs}: ${name} ${seconds.toFixed(1)} s, ${Math.round(speed)} rows/s`);
      perSecond.set(name, [...(perSecond.get(name) ?? []), speed]);
      const used = ((cpuSeconds(pids) ?? Number.NaN) - (before ?? Number.NaN)) / (names.length * rows);
      cpu.set(name, [...(cpu.get(name) ?? []), used * 1e6]);
    }
    await at.sql.modern(`TRUNCATE TABLE ${made.join(', ')}`);
    for (const [name, tables] of Object.entries(handWays)) {
      const speed = (tables.length * rows) / (await loadByHand(at.proxies.modern.url, tables, rows));
      note(`run ${run} of ${runs}: ${name} by hand, ${Math.round(speed)} rows/s`);
      byHand.set(name, [...(byHand.get(name) ?? []), speed]);
    }
  }
  return report('parents', seed, barsOf(perSecond, { refused, copied, wanted: runs * rows * made.length }), {
    rows,
    runs,
    rowsPerSecond: mediansOf(perSecond),
    byHandRowsPerSecond: mediansOf(byHand),
    cpuSecondsPerMillionRows: Object.fromEntries([...cpu].map(([name, all]) => [name, rounded(median(all))])),
  });
}

function mediansOf(perSecond: ReadonlyMap<string, readonly number[]>) {
  return Object.fromEntries([...perSecond].map(([name, all]) => [name, Math.round(median(all))]));
}

async function fill({ sql }: Fixture, name: string, rows: number): Promise<void> {
  const digits = Array.from({ length: 10 }, (_, digit) => `SELECT ${digit} AS d`).join(' UNION ALL ');
  const places = Array.from({ length: 7 }, (_, place) => place);
  const number = places.map((place) => `t${place}.d * ${10 ** place}`).join(' + ');
  const from = places.map((place) => `(${digits}) t${place}`).join(' CROSS JOIN ');
  const parent = name === 'backwards' ? `IF(i = ${rows}, NULL, i + 1)` : parentOf[name];
  await sql.legacy(
    `INSERT INTO ${name} SELECT i, ${parent}, CONCAT('the label of number ', i)
     FROM (SELECT ${number} + 1 AS i FROM ${from}) n WHERE i <= ${rows}`,
  );
}

async function copy({ temporal, migration }: Fixture, names: readonly string[]): Promise<BackfillProgress> {
  return await temporal.workflow.execute<BackfillWorkflow>('backfill', {
    workflowId: backfillWorkflowId(migration.name),
    taskQueue: migration.taskQueue,
    args: [
      {
        migration: migration.name,
        entities: names,
        parallel: migration.policy.backfillParallel,
        paused: false,
        rate: null,
        carried: null,
      },
    ],
  });
}

/** Ratios within each run, so that what slows a whole run slows both sides. */
function barsOf(
  perSecond: ReadonlyMap<string, readonly number[]>,
  { refused, copied, wanted }: { refused: number; copied: number; wanted: number },
): Bar[] {
  const plain = perSecond.get('plain') ?? [];
  const ratio = (name: string) =>
    rounded(median((perSecond.get(name) ?? []).map((speed, run) => speed / (plain[run] ?? Number.NaN))));
  return [
    exactly('rows refused', 0, refused),
    exactly('rows copied', wanted, copied),
    atLeast('a table that refers to itself ÷ without foreign keys', 0.5, ratio('tree')),
    atLeast('each row refers to the next one ÷ without foreign keys', 0.5, ratio('backwards')),
    atLeast('three levels declared backwards ÷ without foreign keys', 0.5, ratio('levels')),
  ];
}
