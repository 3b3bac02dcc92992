import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConnectionOptions } from '../../databases/connection.ts';
import type { Engine } from '../../databases/engine.ts';
import { mysqlEngine } from '../../databases/mysql/engine.ts';
import { openStore } from '../../databases/open.ts';
import { postgresqlEngine } from '../../databases/postgresql/engine.ts';
import type { Store, Stored } from '../../databases/store.ts';
import type { Canonical } from '../../model/canonical.ts';
import { defineMigration } from '../../model/migration.ts';
import type { Awkward } from '../corpus/awkward.ts';
import { type Case, type Corpus, corpusOf } from '../corpus/corpus.ts';
import { createDatabases, type Databases } from '../servers.ts';
import { type Direct, direct } from './direct.ts';

describe.each(['mysql', 'postgresql'] as const)('the corpus of %s', (from) => {
  const corpus: Corpus = corpusOf(from);
  let databases: Databases;
  let look: Direct;
  let store: Store;
  let engine: Engine;
  let stored: ReadonlyMap<number, Stored>;

  beforeAll(async () => {
    databases = await createDatabases();
    const url = new URL(from === 'mysql' ? databases.mysqlUrl : databases.postgresqlUrl);
    look = await direct(url.href);
    for (const statement of corpus.tables.source) await look.rows(statement);
    const migration = defineMigration({
      name: 'corpus',
      entities: [corpus.entity],
      deadline: '2100-01-01T00:00:00Z',
      legacy: { urlFrom: 'URL' },
    });
    store = openStore(migration, 'legacy', { URL: url.href });
    engine = engineOn(url);
    await store.prepare();
    stored = await readAll();
  });
  afterAll(async () => {
    await engine?.close();
    await store?.close();
    await look?.end();
    await databases?.drop();
  });

  function engineOn(url: URL): Engine {
    const options: ConnectionOptions = {
      url,
      address: url.host,
      poolSize: 2,
      connectTimeoutMs: 10_000,
      statementTimeoutMs: 30_000,
      tls: null,
    };
    return from === 'mysql' ? mysqlEngine('legacy', options) : postgresqlEngine('legacy', options);
  }

  async function readAll() {
    const records = await store.read(
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
          ? typeof text === 'string' && !isAnother(text, type.name, id)
          : text === (value === null ? null : String(value));
        if (!sound) wrong.push(`${type.name} ${awkward.literal.slice(0, 60)}: ${text?.slice(0, 60)}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(compared).toBeGreaterThan(250);

    function isAnother(text: string, name: string, id: number): boolean {
      return [...stored.values()].some((record) => {
        const value = record.image?.[name] ?? null;
        return Number(record.key[0]) !== id && value !== null && String(value) === text;
      });
    }
  });
});

function refusalOf({ is }: Awkward): RegExp | null {
  return is !== null && typeof is === 'object' ? is.refused : null;
}

function told(stored: ReadonlyMap<number, Stored>) {
  return ({ id, type, awkward }: Case) => {
    const record = stored.get(id);
    const found = record?.unreadable ?? JSON.stringify(record?.image?.[type.name]);
    return `${type.name} ${awkward.literal.slice(0, 60)}: ${found?.slice(0, 160)}`;
  };
}
