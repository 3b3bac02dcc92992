import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { openStores } from '../../databases/open.ts';
import { direct } from '../../test/databases/direct.ts';
import { advanceTo } from '../../test/support/advance.ts';
import { connecting, createDatabasesOn, inRoles } from '../../test/support/databases.ts';
import { withLargePackets } from '../../test/support/large-packets.ts';
import { until } from '../../test/support/until.ts';
import { WorkerProcess } from '../../test/support/worker-process.ts';
import { workflowBundle } from '../../workers/bundle.ts';
import {
  atLeast,
  atMost,
  type Bar,
  type Conditions,
  exactly,
  type Figures,
  type Report,
  report,
} from '../report.ts';
import { prepareMigration } from '../support/prepared-migration.ts';
import { watchResident } from '../support/resident.ts';
import { Workers } from '../support/workers.ts';
import {
  document,
  documentMigration,
  documentTables,
  documentTexts,
  fillStatements,
  variable,
} from './documents.ts';

const limitMegabytes = 600;
const smallRows = 200;
const everyMs = 200;
/** Each look is a task of the worker's, beside the copy. */
const lookEveryMs = 1_000;
/** For a hang, not for speed. */
const limitMs = 30 * 60_000;
const megabyte = 1_000_000;

/** Rows of many megabytes are copied, in both directions, in the memory of few of them, while others are written. */
export async function large(conditions: Conditions): Promise<Report> {
  const { servers, seed, short } = conditions;
  await using release = new AsyncDisposableStack();
  if (!short) release.use(await withLargePackets(servers.mysql.url));
  // An installed worker has it; one that runs from the sources would bundle it in the memory that is measured.
  await workflowBundle({ encodesFailures: false });
  const bars: Bar[] = [];
  const figures: { [name: string]: Figures } = {};
  for (const from of ['mysql', 'postgresql'] as const) {
    const found = await copied(from, conditions);
    bars.push(...found.bars.map((bar) => ({ ...bar, name: `from ${from}: ${bar.name}` })));
    figures[`from ${from}`] = found.figures;
  }
  return report('large', seed, bars, figures);
}

async function copied(from: 'mysql' | 'postgresql', { servers, short, note }: Conditions) {
  const [rows, bytes] = short ? [6, 2 * megabyte] : [100, 20 * megabyte];
  await using resources = new AsyncDisposableStack();
  const databases = resources.use(await createDatabasesOn(servers));
  const urls = inRoles(databases, from);
  const name = databases.name.replaceAll('_', '-').replace('test', 'large');
  const migration = documentMigration(name);
  const environment = {
    ...process.env,
    LOCKSTEP_CONFIG: join(import.meta.dirname, 'lockstep.config.ts'),
    ...connecting(urls, servers),
    [variable]: name,
  };
  const mysql = await direct(databases.mysqlUrl);
  resources.defer(() => mysql.end());
  const postgresql = await direct(databases.postgresqlUrl);
  resources.defer(() => postgresql.end());
  await mysql.rows(documentTables.mysql);
  await postgresql.rows(documentTables.postgresql);
  const source = from === 'mysql' ? mysql : postgresql;
  note(`filling ${rows} rows of ${bytes / megabyte} MB from ${from}`);
  for (const statement of [
    ...fillStatements(from, 1, rows, bytes),
    ...fillStatements(from, rows + 1, rows + smallRows, 100),
  ])
    await source.rows(statement);

  const stores = openStores(migration, environment);
  resources.defer(() => stores.legacy.close());
  resources.defer(() => stores.modern.close());
  const prepared = resources.use(await prepareMigration(migration, environment));
  const workers = resources.use(new Workers(name, environment, WorkerProcess.start));
  const worker = await workers.start();
  await worker.ready();
  const lockstep = resources.use(await prepared.startedIn('dual-write'));
  const stop = watchResident(worker.pid);
  const documents = lockstep.repository(document);
  let asked = 0;
  let answered = 0;
  const failed: string[] = [];
  const timer = setInterval(() => {
    asked += 1;
    const id = rows + 1 + (asked % smallRows);
    documents
      .update(id, { title: `live ${asked}` })
      .catch((error: Error) => void failed.push(error.message))
      .finally(() => {
        answered += 1;
      });
  }, everyMs);
  resources.defer(() => clearInterval(timer));
  const began = performance.now();
  await advanceTo(lockstep, 'backfill');
  const isOver = async () => {
    await setTimeout(lookEveryMs);
    return (await lockstep.control.status()).backfill?.done === true;
  };
  await until('the backfill is over', isOver, limitMs);
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  clearInterval(timer);
  await until('nothing is pending', async () => {
    const { pending, parked } = await stores.legacy.journalBacklog(name);
    return asked === answered && pending + parked === 0;
  });
  const peak = await stop();
  note(`${rows} rows in ${seconds} s, ${peak} MB resident at most`);
  const [left, right] = [
    await mysql.rows(documentTexts.mysql),
    await postgresql.rows(documentTexts.postgresql),
  ];
  const other = new Set(right.map(({ text }) => text));
  const equal = left.filter(({ text }) => other.has(text)).length;
  return {
    bars: [
      exactly('rows that are the same in both stores', rows + smallRows, equal),
      exactly('rows at the target', rows + smallRows, (from === 'mysql' ? right : left).length),
      atLeast('live writes beside the copy', 5, asked),
      exactly('live writes that failed', 0, failed.length),
      atMost('MB resident', limitMegabytes, peak),
    ],
    figures: {
      rows,
      'MB each': bytes / megabyte,
      seconds,
      'MB resident': peak,
      asked,
      failed: failed.slice(0, 5),
    },
  };
}
