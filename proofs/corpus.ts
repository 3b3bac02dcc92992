import { LockstepError, type StoreName } from '../model/failure.ts';
import { isLockstepError } from '../model/is-lockstep-error.ts';
import { type Case, type Corpus, corpusOf, rowOf } from '../test/corpus/corpus.ts';
import { mysqlServerAt } from '../test/corpus/server.ts';
import { advanceTo } from '../test/support/advance.ts';
import { type RunningMigration, runMigrationOn } from '../test/support/fixture.ts';
import { withLargePackets } from '../test/support/large-packets.ts';
import { until } from '../test/support/until.ts';
import { atLeast, type Bar, type Conditions, exactly, type Figures, type Report, report } from './report.ts';
import { missedHeartbeats } from './support/missed-heartbeats.ts';

/** Keys of rows that were created through the client begin here. */
const created = 100_000;
const atOnce = 16;
/** For a hang, not for speed. */
const limitMs = 30 * 60_000;

/**
 * Awkward values of every mapped type go from one engine to the other by a backfill and by live writes, and are compared: each
 * is equal on both sides, by plain SQL and by Lockstep's own comparison, or it is refused with the reason that the corpus names.
 */
export async function corpus(conditions: Conditions): Promise<Report> {
  const { seed, short, note, only = '' } = conditions;
  const bars: Bar[] = [];
  const figures: { [name: string]: Figures[string] } = {};
  const server = await mysqlServerAt(conditions.servers.mysql.url);
  const types = new Set<string>();
  let values = 0;
  for (const from of ['mysql', 'postgresql'] as const) {
    for (const huge of short ? [false] : [false, true]) {
      const title = huge ? `${from}, huge` : from;
      if (!title.includes(only)) continue;
      await using _ = huge ? await withLargePackets(conditions.servers.mysql.url) : undefined;
      const found = corpusOf(from, { server, huge, nth: short ? 7 : 1 });
      note(`${title}: ${found.cases.length} values of ${found.types.length} columns`);
      const run = await tryOut(found, title, conditions);
      bars.push(...run.bars);
      figures[title] = run.figures;
      values += found.cases.length;
    }
    for (const { source } of corpusOf(from, { server }).types) types.add(typeOf(source));
  }
  if (only === '')
    bars.push(atLeast('values', short ? 100 : 1_200, values), atLeast('types', 90, types.size));
  return report('corpus', seed, bars, { ...figures, values, types: types.size });
}

/** Without lengths, precisions, labels and character sets; UNSIGNED is a type of its own. */
function typeOf(source: string): string {
  const unsigned = source.includes('UNSIGNED') ? ' UNSIGNED' : '';
  return `${source.replace(/\(.*\)/, '').replace(/(?<=[A-Z]) .*/, '')}${unsigned}`;
}

interface Run {
  readonly bars: readonly Bar[];
  readonly figures: Figures;
}

async function tryOut(corpus: Corpus, title: string, { servers, note }: Conditions): Promise<Run> {
  const began = performance.now();
  await using environment = await runMigrationOn(servers, 'dual-write', {
    from: corpus.from,
    entities: [corpus.entity],
    tables: { legacy: corpus.tables.source, modern: corpus.tables.target },
    write: { callerTimeoutMs: 60_000 },
  });
  note('backfill');
  await advanceTo(environment.lockstep, 'backfill');
  await until(
    'the backfill is over',
    async () => (await statusOf(environment))?.backfill?.done === true,
    limitMs,
  );
  const copied = await judged(corpus, environment);

  note('comparison');
  const compared = await comparison(corpus, environment);

  note('live writes');
  const written = await writeAll(corpus, environment);
  const unsent = await sendNone(corpus, environment);
  const unwritable = await refuseAll(corpus, environment);
  const again = await comparison(corpus, environment);
  const silent = await missedHeartbeats(environment.temporal, environment.migration.name);

  const runs = [copied, compared, written, unsent, unwritable, again];
  const wrong = runs.flatMap((run) => run.wrong);
  const name = (bar: string) => `${title}: ${bar}`;
  return {
    bars: [
      exactly(name('values copied equal or refused with their reason'), corpus.cases.length, copied.sound),
      exactly(name('refused values that the comparison names, and no other'), 0, compared.wrong.length),
      exactly(
        name('values written back and written anew, equal in both stores'),
        written.tried,
        written.sound,
      ),
      exactly(
        name('values refused before they were changed in silence, or sent'),
        unwritable.tried + unsent.tried,
        unwritable.sound + unsent.sound,
      ),
      exactly(name('differences that the writes brought'), 0, again.wrong.length),
      exactly(name('attempts of activities that missed their heartbeat'), 0, silent.length),
    ],
    figures: {
      columns: corpus.types.length,
      values: corpus.cases.length,
      equal: copied.sound - copied.refused,
      refused: copied.refused,
      'live writes': written.tried,
      'refused live writes': unwritable.tried + unsent.tried,
      seconds: Math.round((performance.now() - began) / 1_000),
      wrong: [...wrong, ...silent].slice(0, 40),
    },
  };
}

/** Null where the worker, which is in this process, is busy with one huge value for longer than a query waits. */
async function statusOf({ lockstep }: RunningMigration) {
  try {
    return await lockstep.control.status();
  } catch (error) {
    if (isLockstepError(error, 'NoWorker')) return null;
    throw error;
  }
}

/** After the backfill, each value by plain SQL at the target, and by Lockstep's reading of both stores. */
async function judged(corpus: Corpus, environment: RunningMigration) {
  const reasons = await reasonsOf(environment, 'modern');
  const wrong: string[] = [];
  let refused = 0;
  for (const one of corpus.cases) {
    const { id, type, awkward } = one;
    const { is } = awkward;
    if (is !== null && typeof is === 'object') {
      refused += 1;
      const reason = reasons.get(id) ?? '';
      if (!is.refused.test(reason)) wrong.push(told(one, `refused with "${reason}"`));
      if (await exists(environment, 'modern', id)) wrong.push(told(one, 'was refused, and is there'));
      continue;
    }
    const isReadFrom = async (store: StoreName) => {
      const [found] = await environment.stores[store].read(corpus.entity, [[String(id)]]);
      return found?.image?.[type.name] === is;
    };
    if (reasons.has(id)) wrong.push(told(one, `refused: ${reasons.get(id)}`));
    else if (!(await isReadFrom('legacy'))) wrong.push(told(one, 'is read as another value'));
    else if (!(await isReadFrom('modern'))) wrong.push(told(one, 'is read as another value at the target'));
    else if (!(await holds(corpus, environment, one, id)))
      wrong.push(told(one, 'is another value in plain SQL'));
  }
  return { wrong, refused, sound: corpus.cases.length - wrong.length };
}

/** A full comparison names the rows that were refused, with a verdict that says so, and no other. */
async function comparison(corpus: Corpus, environment: RunningMigration) {
  const { control } = environment.lockstep;
  // Refused rows hold the gate of `validate`; a comparison runs in any phase with two stores.
  await control.startValidation({ sample: null, seed: 1 });
  await until(
    'the comparison is over',
    async () => {
      const status = await statusOf(environment);
      return status !== null && !status.validating && status.evidence?.mode === 'full';
    },
    limitMs,
  );
  const found = await reasonsOf(environment, 'legacy');
  const refused = new Set(corpus.cases.filter(isRefused).map(({ id }) => id));
  const wrong = corpus.cases
    .filter(({ id }) => refused.has(id) !== found.has(id))
    .map((one) => told(one, refused.has(one.id) ? 'was not missed' : `differs: ${found.get(one.id)}`));
  const invented = [...found].filter(([id]) => !corpus.cases.some((one) => one.id === id));
  return { wrong: [...wrong, ...invented.map(([id, reason]) => `row ${id} differs: ${reason}`)] };
}

/** Each value is written back into its row and into a new one, through the client. */
async function writeAll(corpus: Corpus, environment: RunningMigration) {
  const rows = environment.lockstep.repository(corpus.entity);
  const sound = corpus.cases.filter(({ awkward }) => isWritable(awkward) && !awkward.unsent);
  const wrong: string[] = [];
  await inParallel(sound, async (one) => {
    const { is } = one.awkward;
    if (is !== null && typeof is === 'object') return;
    try {
      await rows.replace(rowOf(corpus, one.id, one.type, is), { ack: 'both' });
      await rows.create(rowOf(corpus, created + one.id, one.type, is), { ack: 'both' });
    } catch (error) {
      wrong.push(told(one, `is not written: ${error instanceof Error ? error.message : String(error)}`));
    }
  });
  for (const one of sound) {
    const { id, type } = one;
    const at = (alias: string) => `${alias}.${type.name}`;
    const [row] = await environment.sql.legacy(
      `SELECT count(*) AS n FROM corpus c, pristine p, corpus f WHERE c.id = ${id} AND p.id = ${id} AND f.id = ${created + id}
       AND ${corpus.source.same(type, at('c'), at('f'))}${one.awkward.lossy ? '' : ` AND ${corpus.source.same(type, at('c'), at('p'))}`}`,
    );
    if (row?.n !== '1') wrong.push(told(one, 'is another value in plain SQL once it is written'));
    for (const key of [id, created + id]) {
      if (!(await holds(corpus, environment, one, key))) wrong.push(told(one, 'is not at the other store'));
    }
  }
  return { wrong, tried: sound.length, sound: sound.length - new Set(wrong).size };
}

/** What is too large for Temporal is refused by name, and stays as it is. */
async function sendNone(corpus: Corpus, environment: RunningMigration) {
  const rows = environment.lockstep.repository(corpus.entity);
  const large = corpus.cases.filter(({ awkward }) => isWritable(awkward) && awkward.unsent);
  const wrong: string[] = [];
  for (const one of large) {
    const { id, type, awkward } = one;
    if (awkward.is === null || typeof awkward.is === 'object') continue;
    const image = rowOf(corpus, id, type, awkward.is);
    for (const write of [() => rows.replace(image), () => rows.create({ ...image, id: created + id })]) {
      const code = await write().then(
        () => 'nothing',
        (error: unknown) => (error instanceof LockstepError ? error.code : String(error)),
      );
      if (code !== 'TooLarge') wrong.push(told(one, `is too large to be sent, and fails with ${code}`));
    }
    const [row] = await environment.sql.legacy(
      `SELECT count(*) AS n FROM corpus c, pristine p WHERE c.id = ${id} AND p.id = ${id}
       AND ${corpus.source.same(type, `c.${type.name}`, `p.${type.name}`)}`,
    );
    if (row?.n !== '1') wrong.push(told(one, 'was not sent, and is another value'));
    if (await exists(environment, 'legacy', created + id))
      wrong.push(told(one, 'was not sent, and is there'));
  }
  return { wrong, tried: large.length, sound: large.length - new Set(wrong).size };
}

/** What a column would take and change is refused before it is written anywhere. */
async function refuseAll(corpus: Corpus, environment: RunningMigration) {
  const rows = environment.lockstep.repository(corpus.entity);
  const tries = corpus.types
    .flatMap((type) => (type.unwritable ?? []).map((value) => ({ type, value })))
    .map(({ type, value }, index) => ({
      type,
      value,
      id: 2 * created + index,
      name: `${type.name} ${String(value).slice(0, 60)}`,
    }));
  const wrong: string[] = [];
  await inParallel(tries, async ({ type, value, id, name }) => {
    try {
      await rows.create(rowOf(corpus, id, type, value));
      wrong.push(`${name}: was taken`);
    } catch (error) {
      if (!(error instanceof LockstepError) || !['InvalidEntity', 'StoreRefused'].includes(error.code)) {
        wrong.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  });
  for (const { id, name } of tries) {
    for (const store of ['legacy', 'modern'] as const) {
      if (await exists(environment, store, id)) wrong.push(`${name}: is in ${store}`);
    }
  }
  return { wrong, tried: tries.length, sound: tries.length - wrong.length };
}

async function reasonsOf(environment: RunningMigration, store: StoreName): Promise<Map<number, string>> {
  const found = await environment.stores[store].differences(environment.migration.name, 10_000);
  return new Map(found.map(({ key, reason }) => [Number(key[0]), reason]));
}

async function holds(
  corpus: Corpus,
  environment: RunningMigration,
  { type, awkward }: Case,
  id: number,
): Promise<boolean> {
  const condition = awkward.is === null ? `${type.name} IS NULL` : corpus.target.holds(type, awkward);
  const [row] = await environment.sql.modern(
    `SELECT count(*) AS n FROM corpus WHERE id = ${id} AND ${condition}`,
  );
  return row?.n === '1';
}

async function exists(environment: RunningMigration, store: StoreName, id: number): Promise<boolean> {
  const [row] = await environment.sql[store](`SELECT count(*) AS n FROM corpus WHERE id = ${id}`);
  return row?.n !== '0';
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of rest) await work(item);
    }),
  );
}

function isRefused({ awkward: { is } }: Case): boolean {
  return is !== null && typeof is === 'object';
}

/** Whether the source holds a value that a program sees. */
function isWritable({ is, copied }: Case['awkward']): boolean {
  return !(is !== null && typeof is === 'object') && !copied;
}

function told({ type, awkward }: Case, what: string): string {
  return `${type.name} ${awkward.literal.slice(0, 60)}: ${what}`;
}
