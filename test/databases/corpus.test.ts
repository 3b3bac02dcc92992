import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { loadPending } from '../../activities/backfill/load-pending.ts';
import type { CatalogueColumn } from '../../databases/columns/catalogue.ts';
import type { Difference } from '../../databases/contract/comparison.ts';
import type { StoredRecord, WriteItem } from '../../databases/contract/write.ts';
import type { Engine } from '../../databases/engine/engine.ts';
import type { Canonical } from '../../model/canonical.ts';
import { entity } from '../../model/entity.ts';
import { type AnyFields, entityOf, field } from '../../model/field.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { NotCanonical } from '../../model/not-canonical.ts';
import { type Scalar, toCanonical } from '../../model/scalar.ts';
import { rows } from '../../model/shape.ts';
import { type Awkward, type CorpusType, quoted } from '../corpus/awkward.ts';
import { type Case, type Corpus, type CorpusRow, corpusOf, rowOf } from '../corpus/corpus.ts';
import { fence, migrationName, type Opened, openEngineAs, openRole, writeOf } from './engine-roles.ts';

describe.each(['mysql', 'postgresql'] as const)('the corpus of %s', (from) => {
  const corpus: Corpus = corpusOf(from);
  const [here, there] =
    from === 'mysql' ? (['MariaDB', 'PostgreSQL'] as const) : (['PostgreSQL', 'MariaDB'] as const);
  let source: Opened;
  let target: Opened;
  let engine: Engine;
  let engineThere: Engine;
  let stored: ReadonlyMap<number, StoredRecord>;
  let loaded: Awaited<ReturnType<typeof loadAll>>;

  beforeAll(async () => {
    const { tables } = corpus;
    const entities = [corpus.entity];
    source = await openRole({ engine: here, role: 'legacy' }, { entities, onlyTables: tables.source });
    target = await openRole({ engine: there, role: 'modern' }, { entities, onlyTables: tables.target });
    await target.asSecondary();
    engine = openEngineAs('legacy', source.url);
    engineThere = openEngineAs('modern', target.url);
    stored = await readAll();
    loaded = await loadAll();
  });
  afterAll(async () => {
    await engineThere?.close();
    await engine?.close();
    await target?.[Symbol.asyncDispose]();
    await source?.[Symbol.asyncDispose]();
  });

  async function readAll() {
    const records = await source.store.read(
      corpus.entity,
      corpus.cases.map(({ id }) => [String(id)]),
    );
    return new Map(records.map((record) => [Number(record.key[0]), record]));
  }

  test('is read as its canonical values, or refused with a reason', () => {
    const wrong = corpus.cases.filter(({ id, type, awkward }) => {
      const record = stored.get(id);
      const refusal = refusalOf(awkward);
      // What only the other database refuses is readable here.
      if (refusal) return record?.unreadable ? !refusal.test(record.unreadable) : record?.image === null;
      return record?.unreadable !== null || record.image?.[type.name] !== awkward.is;
    });
    expect(wrong.map(told(stored))).toEqual([]);
  });

  test('is what a program sees, whether it asks for one record or for many', async () => {
    const seen = (record: StoredRecord | undefined) => ({
      value: record?.image ? entityOf(corpus.entity.fields, record.image) : null,
      unreadable: record?.unreadable ?? null,
    });
    const keys = corpus.cases.map(({ id }) => [String(id)]);
    const many = await source.store.values(corpus.entity, keys);
    expect(many).toEqual(corpus.cases.map(({ id }) => seen(stored.get(id))));
    for (const [at, { id }] of corpus.cases.entries()) {
      if (id % 3 > 0) continue;
      const [one] = await source.store.values(corpus.entity, [[String(id)]]);
      expect(one).toEqual(many[at]);
    }
  });

  test('comes in by pages as it is, or is refused with its reason', async () => {
    const { result, found } = loaded;
    const wrong = await wrongAmong(corpus.cases, found);
    expect(wrong).toEqual([]);
    expect(result).toMatchObject({ refused: found.length, copied: corpus.cases.length + 1 - found.length });
  });

  /** The whole corpus as one page: what all tests of the target start from. */
  async function loadAll() {
    await target.store.planChunks(migrationName, corpus.entity.name, []);
    const [chunk] = await target.store.chunks(migrationName, corpus.entity.name);
    const into = await target.store.pageTarget(corpus.entity);
    const read = await source.store.readPage(corpus.entity, into, { after: null, upTo: null, limit: 10_000 });
    if (!chunk || !read) throw new Error('a column map has a chunk and pages');
    const step = {
      from: chunk,
      next: { cursor: read.last, done: true },
      checkExisting: false,
      checkParents: false,
    };
    const result = await loadPending(target.store, corpus.entity, { leftover }, read, step, fence);
    return { result, found: await target.store.differences(migrationName, 10_000) };
  }

  async function leftover(keys: readonly (readonly string[])[]) {
    const records = await source.store.read(corpus.entity, keys);
    const items = records.flatMap(({ key, image }): WriteItem[] => {
      if (!image) return [];
      const given = { mode: 'copy', kind: 'replace', version: '0', operationId: null } as const;
      return [{ ...given, key, image, status: 'completed', sharedVersions: [] }];
    });
    const unreadable = records.flatMap(({ key, unreadable: reason }) => (reason ? [{ key, reason }] : []));
    return { items, unreadable, lossy: [] };
  }

  async function wrongAmong(cases: readonly Case[], found: readonly Difference[]): Promise<string[]> {
    const reasons = new Map(found.map(({ key, reason }) => [Number(key[0]), reason]));
    const wrong: string[] = [];
    for (const { id, type, awkward } of cases) {
      const refusal = refusalOf(awkward);
      const reason = reasons.get(id);
      const condition = refusal
        ? `NOT EXISTS (SELECT 1 FROM corpus WHERE id = ${id})`
        : `EXISTS (SELECT 1 FROM corpus WHERE id = ${id} AND ${awkward.is === null ? `${type.name} IS NULL` : corpus.target.holds(type, awkward)})`;
      const [row] = await target.sql(`SELECT CASE WHEN ${condition} THEN 'sound' END AS found`);
      if (row?.found === 'sound' && (refusal ? refusal.test(reason ?? '') : reason === undefined)) continue;
      wrong.push(`${type.name} ${awkward.literal.slice(0, 60)}: ${reason ?? 'was copied'}`);
    }
    return wrong;
  }

  test('is written back as it was, by itself', async () => {
    const cases = corpus.cases.filter(({ awkward }) => !refusalOf(awkward) && !awkward.copied);
    const items = cases.map(({ id, type, awkward: { is } }) =>
      writeOf(corpus.entity, rowOf(corpus, id, type, is === null || typeof is === 'object' ? null : is)),
    );
    const outcomes = await source.store.write(corpus.entity, items, fence);
    const wrong = cases.flatMap(({ type, awkward }, index) => {
      const outcome = outcomes[index];
      return outcome?.status === 'applied'
        ? []
        : [`${type.name} ${awkward.literal.slice(0, 60)}: ${JSON.stringify(outcome)}`];
    });
    for (const one of cases.filter(({ awkward }) => !awkward.lossy)) {
      const same = corpus.source.same(one.type, `c.${one.type.name}`, `p.${one.type.name}`);
      const [row] = await source.sql(
        `SELECT count(*) AS n FROM corpus c, pristine p WHERE c.id = ${one.id} AND p.id = c.id AND ${same}`,
      );
      if (row?.n !== '1') wrong.push(`${one.type.name} ${one.awkward.literal.slice(0, 60)}: is changed`);
    }
    expect(wrong).toEqual([]);
  });

  test('has the same texts in SQL at both engines, wherever digests are made of them', async () => {
    const here = (await engine.catalogue('corpus'))?.columns ?? [];
    const there = (await engineThere.catalogue('corpus'))?.columns ?? [];
    const wrong: string[] = [];
    let compared = 0;
    for (const type of corpus.types) {
      const { name, field: declared } = type;
      const [left, right] = await Promise.all([
        digestible(engine, here, name, declared.scalar),
        digestible(engineThere, there, name, declared.scalar),
      ]);
      if (!left || !right) continue;
      for (const { id, awkward } of corpus.cases.filter((one) => one.type === type)) {
        if (refusalOf(awkward)) continue;
        compared += 1;
        if (left.get(id) !== right.get(id))
          wrong.push(`${name} ${awkward.literal.slice(0, 60)}: ${left.get(id)} and ${right.get(id)}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(compared).toBeGreaterThan(150);
  });

  async function digestible(at: Engine, columns: readonly CatalogueColumn[], name: string, scalar: Scalar) {
    const column = columns.find((one) => one.name === name);
    const sql = column?.compact(`t.${name}`, scalar) ?? column?.canonical(`t.${name}`, scalar);
    if (!sql) return null;
    const rows = await at.query(`SELECT id, ${sql} AS text FROM corpus t`);
    return new Map(rows.map((row) => [Number(row.id), row.text]));
  }

  test('goes through functions unchanged, which see the columns as their fields say', async () => {
    const passing = passedThroughFunctions(corpus.types);
    const through = source.open({ entities: [corpus.entity, passing] });
    await through.prepare();
    const cases = corpus.cases.filter(({ awkward }) => !awkward.copied);
    const keys = cases.map(({ id }) => [String(id)]);
    const before = await through.read(passing, keys);
    const wrong = cases.filter(({ id, type }, index) => {
      const known = stored.get(id);
      const found = before[index];
      return known?.unreadable
        ? found?.unreadable === null
        : found?.image?.[type.name] !== known?.image?.[type.name];
    });
    expect(wrong.map(told(stored))).toEqual([]);
    const readable = before.filter((record) => record.image !== null);
    const outcomes = await through.write(
      passing,
      readable.map(({ key, image }) => ({ ...writeOf(corpus.entity, { id: 0 }), key, image })),
      fence,
    );
    expect(outcomes.filter(({ status }) => status !== 'applied')).toEqual([]);
    expect(await through.read(passing, keys)).toMatchObject(before.map(({ image }) => ({ image })));
  });

  test('takes no value that it would change in silence', async () => {
    const tries = corpus.types.flatMap((type) => (type.unwritable ?? []).map((value) => ({ type, value })));
    const wrong: string[] = [];
    for (const [index, { type, value }] of tries.entries()) {
      const id = 100_000 + index;
      const name = `${type.name} ${quoted(value).slice(0, 60)}`;
      const [outcome] = await written(id, type, value);
      if (outcome !== null && outcome?.status !== 'failed') wrong.push(`${name}: ${outcome?.status}`);
      const [row] = await source.sql(`SELECT count(*) AS n FROM corpus WHERE id = ${id}`);
      if (row?.n !== '0') wrong.push(`${name}: is there`);
    }
    expect(wrong).toEqual([]);
  });

  async function written(id: number, type: Case['type'], value: string | boolean) {
    try {
      return await source.store.write(
        corpus.entity,
        [writeOf(corpus.entity, rowOf(corpus, id, type, value))],
        fence,
      );
    } catch (error) {
      // Refused by the field, before any store is asked.
      if (isLockstepError(error, 'InvalidEntity')) return [null];
      throw error;
    }
  }

  test('has a canonical text in SQL, the same as in the worker, and none of another value', async () => {
    const columns = (await engine.catalogue('corpus'))?.columns ?? [];
    const wrong: string[] = [];
    let compared = 0;
    for (const type of corpus.types) {
      const column = columns.find(({ name }) => name === type.name);
      const sql = column?.canonical(`t.${type.name}`, type.field.scalar);
      if (!sql) continue;
      const rows = await engine.query(`SELECT id, ${sql} AS text FROM corpus t`);
      const texts = new Map(rows.map((row) => [Number(row.id), row.text]));
      for (const { id, awkward } of corpus.cases.filter((one) => one.type === type)) {
        const record = stored.get(id);
        const text = texts.get(id);
        compared += 1;
        const value: Canonical = record?.image?.[type.name] ?? null;
        const sound = record?.unreadable
          ? typeof text === 'string' && !isAnother(text, type.field.scalar)
          : text === (value === null ? null : String(value));
        if (!sound) wrong.push(`${type.name} ${awkward.literal.slice(0, 60)}: ${text?.slice(0, 60)}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(compared).toBeGreaterThan(250);

    function isAnother(text: string, scalar: Scalar): boolean {
      try {
        return toCanonical(scalar, text) === text;
      } catch (error) {
        if (error instanceof NotCanonical) return false;
        throw error;
      }
    }
  });
});

function passedThroughFunctions(types: readonly CorpusType[]) {
  const fields: AnyFields = Object.fromEntries([
    ['id', field.integer()],
    ...types.map((type) => [type.name, type.field]),
  ]);
  const names = ['id', ...types.map(({ name }) => name)];
  const shape = () =>
    rows<CorpusRow, { corpus: CorpusRow[] }>({
      tables: {
        corpus: {
          key: ['id'],
          columns: names,
          fields: Object.fromEntries(types.map((type) => [type.name, type.field])),
        },
      },
      toRows: (row) => ({ corpus: [row] }),
      fromRows: ({ corpus: [row] }) => row ?? {},
    });
  return entity({
    name: 'passed',
    schema: z.custom<CorpusRow>(),
    fields,
    key: 'id',
    legacy: shape(),
    modern: shape(),
  });
}

function refusalOf({ is }: Awkward): RegExp | null {
  return is !== null && typeof is === 'object' ? is.refused : null;
}

function told(stored: ReadonlyMap<number, StoredRecord>) {
  return ({ id, type, awkward }: Case) => {
    const record = stored.get(id);
    const found = record?.unreadable ?? JSON.stringify(record?.image?.[type.name]);
    return `${type.name} ${awkward.literal.slice(0, 60)}: ${found?.slice(0, 160)}`;
  };
}
