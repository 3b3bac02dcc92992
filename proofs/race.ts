import { pagesOf } from '../activities/backfill/copy-pages.ts';
import { loadPending } from '../activities/backfill/load-pending.ts';
import { convergeKeys } from '../activities/write/converge.ts';
import type { Store } from '../databases/contract/store.ts';
import type { WriteItem } from '../databases/contract/write.ts';
import { Random } from '../examples/orders/random.ts';
import type { Key } from '../model/canonical.ts';
import { type Entity, keyOf } from '../model/entity.ts';
import { imageOf } from '../model/field.ts';
import { HybridClock } from '../model/version.ts';
import { withoutGuard } from '../test/support/unguarded.ts';
import { createPeopleEnvironment, type PeopleEnvironment } from './people/environment.ts';
import { personOf } from './people/people.ts';
import { fillPeople, run } from './people/rows.ts';
import { atLeast, type Bar, type Conditions, exactly, type Figures, type Report, report } from './report.ts';

const keysPerPage = 100;
const writesPerPage = 50;
const callers = 16;
const unguardedRounds = 10;

/**
 * Live inserts, updates and deletes of the very keys whose page is on its way: none of them may be undone by it. Run in both
 * directions, and once with the guard taken out, which has to show.
 */
export async function race({ servers, seed, short, note }: Conditions): Promise<Report> {
  const pages = short ? 20 : 200;
  const bars: Bar[] = [];
  const figures: Record<string, Figures> = {};
  for (const from of ['mysql', 'postgresql'] as const) {
    await using environment = await createPeopleEnvironment({ servers, form: 'map', from });
    const found = await raced(environment, environment.stores.modern, pages, seed);
    const to = from === 'mysql' ? 'PostgreSQL' : 'MySQL or MariaDB';
    note(`to ${to}: ${JSON.stringify(found)}`);
    figures[`to ${to}`] = found;
    bars.push(
      atLeast(`live writes during copies to ${to}`, pages * writesPerPage, found.writes),
      exactly(`rows that came back at ${to}`, 0, found.back),
      exactly(`rows older than their records at ${to}`, 0, found.old),
      exactly(`rows missing or astray at ${to}`, 0, found.astray),
    );
  }
  let back = 0;
  // Which of the two is first is the machine's to say, so that one round may pass without a loss.
  for (let round = 0; back === 0 && round < unguardedRounds; round++) {
    await using environment = await createPeopleEnvironment({ servers, form: 'map', from: 'mysql' });
    await using release = new AsyncDisposableStack();
    const unguarded = withoutGuard(environment.urls.modern, environment.migration);
    release.defer(() => unguarded.close());
    const found = await raced(environment, unguarded, Math.min(pages, 40), seed + round);
    note(`without the guard: ${JSON.stringify(found)}`);
    figures.withoutGuard = found;
    back = found.back;
  }
  bars.push(atLeast('rows that come back without the guard', 1, back));
  return report('race', seed, bars, figures);
}

interface Raced extends Figures {
  writes: number;
  copied: number;
  skipped: number;
  /** Rows whose record is a tombstone. */
  back: number;
  /** Rows that are not those of the primary, though their records are. */
  old: number;
  /** Anything else that differs. */
  astray: number;
}

async function raced(
  environment: PeopleEnvironment,
  target: Pick<Store, 'loadPage'>,
  pages: number,
  seed: number,
): Promise<Raced> {
  const { migration, stores, urls } = environment;
  const [entity] = migration.entities;
  if (!entity) throw new Error('people are migrated');
  await fillPeople(urls.legacy, pages * keysPerPage * 2, seed);
  // Every other id is free, so that live inserts fall between the rows of a page.
  await run(urls.legacy, ['DELETE FROM people WHERE id % 2 = 1']);
  await stores.modern.planChunks(migration.name, entity.name, []);
  const route = { primary: 'legacy', secondary: 'modern', epoch: 1 } as const;
  const fence = { migration: migration.name, epoch: 1 };
  const source = await pagesOf({ stores }, entity, stores.legacy, stores.modern, route);
  const random = new Random(seed);
  const writer = new LiveWriter(environment, entity, random);
  let copied = 0;
  let skipped = 0;
  for (let page = 0; ; page++) {
    const [from] = await stores.modern.chunks(migration.name, entity.name);
    if (!from) throw new Error('a range was planned');
    if (from.done) break;
    const read = await source.next({ after: from.cursor, upTo: null, limit: keysPerPage });
    const first = Number(from.cursor?.[0] ?? 0);
    const last = Number(read.last?.[0] ?? first + keysPerPage);
    const live = writer.writeAmong(first + 1, last, writesPerPage);
    await new Promise((resolve) => setTimeout(resolve, random.between(0, 15)));
    const next = { cursor: read.last ?? from.cursor, done: !read.full };
    const step = { from, next, checkExisting: page % 2 === 1, checkParents: false };
    const result = await loadPending(target, entity, source, read, step, fence);
    if (result.status !== 'committed') throw new Error('nobody else loads these pages');
    copied += result.copied;
    skipped += result.skipped;
    await live;
  }
  return { writes: writer.writes, copied, skipped, ...(await judge(environment, entity)) };
}

/** Writes at the primary, then converges, as the write workflow does. */
class LiveWriter {
  readonly #environment: PeopleEnvironment;
  readonly #entity: Entity;
  readonly #random: Random;
  readonly #clock = new HybridClock();
  writes = 0;

  constructor(environment: PeopleEnvironment, entity: Entity, random: Random) {
    this.#environment = environment;
    this.#entity = entity;
    this.#random = random;
  }

  async writeAmong(first: number, last: number, count: number): Promise<void> {
    let left = count;
    const caller = async () => {
      while (left > 0) {
        left -= 1;
        await this.#write(this.#random.between(first, last));
      }
    };
    await Promise.all(Array.from({ length: callers }, caller));
  }

  async #write(id: number): Promise<void> {
    const { stores, migration } = this.#environment;
    this.writes += 1;
    const gone = this.#random.chance(0.4);
    const image = gone ? null : imageOf(this.#entity.fields, personOf(id, this.writes), 'person');
    const key: Key = image ? keyOf(this.#entity, image) : [String(id)];
    const item: WriteItem = {
      mode: 'primary',
      kind: gone ? 'delete' : 'replace',
      key,
      image,
      version: this.#clock.next(),
      operationId: `race-${this.writes}`,
      status: 'completed',
      sharedVersions: [],
    };
    const [outcome] = await stores.legacy.write(this.#entity, [item], {
      migration: migration.name,
      epoch: 1,
    });
    // A delete of what is not there.
    if (outcome?.status === 'refused') return;
    if (outcome?.status !== 'applied') throw new Error(`a live write was ${outcome?.status}`);
    const route = { primary: 'legacy', secondary: 'modern', epoch: 1 } as const;
    for (;;) {
      const [converged] = await convergeKeys({ migration, stores }, this.#entity, [key], route);
      if (converged?.status === 'converged') return;
      // Another live write of the same key was on its way; the workflow tries again, too.
      if (converged?.status !== 'conflict') throw new Error(`a live write was ${converged?.status}`);
    }
  }
}

async function judge(
  { stores }: PeopleEnvironment,
  entity: Entity,
): Promise<Pick<Raced, 'back' | 'old' | 'astray'>> {
  const found = { back: 0, old: 0, astray: 0 };
  const keys = new Map<string, Key>();
  for (const store of [stores.legacy, stores.modern]) {
    for (const key of await store.keys(entity, { after: null, upTo: null, limit: 10_000_000 }))
      keys.set(String(key), key);
    for (const key of (await store.recorded(entity, { after: null, limit: 10_000_000 })).keys)
      keys.set(String(key), key);
  }
  const all = [...keys.values()];
  const [legacy, modern] = await Promise.all([
    stores.legacy.read(entity, all),
    stores.modern.read(entity, all),
  ]);
  for (const [index, left] of legacy.entries()) {
    const right = modern[index];
    if (!right) throw new Error('a read gives a record for each key');
    if (right.deleted && right.image !== null) found.back += 1;
    else if (left.version !== right.version) found.astray += 1;
    else if (JSON.stringify(left.image) === JSON.stringify(right.image)) continue;
    else if (right.version === '0') found.astray += 1;
    else found.old += 1;
  }
  return found;
}
