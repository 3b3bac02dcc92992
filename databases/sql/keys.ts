import { type Key, keyFromText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { NotCanonical } from '../../model/scalar.ts';
import { type BoundEntity, keyFromCells, keyTexts } from '../columns/mapping.ts';
import type { Parameter, TextCells } from '../engine/session.ts';
import type { Access } from './context.ts';

/** Smaller tables are counted. */
const leastEstimate = 100_000;

/** Which keys there are: pages, ranges, samples. */
export function keysOf(access: Access) {
  async function keys(
    entity: Entity,
    page: { after: Key | null; upTo: Key | null; limit: number },
  ): Promise<Key[]> {
    const bound = await access.bind(entity);
    const { conditions, parameters } = keyRange(access, bound, page);
    const where = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : '';
    const names = keyNames(bound).join(', ');
    const sql = `${distinctKeys(bound)}${where} ORDER BY ${names} LIMIT ${Math.floor(page.limit)}`;
    const rows = await access.query(
      bound.root.single || bound.root.key.every((column) => column.bytes === null)
        ? `SELECT ${keyCells(bound)} FROM (${sql}) k ORDER BY ${qualified('k', keyNames(bound))}`
        : spelledOut(bound, sql),
      parameters,
    );
    return rows.map((row) => keyOfCells(bound, row));
  }

  /**
   * Keys that the column's collation takes for one are several keys to us. They come in the same page, which may grow
   * beyond its limit for that, so that the next one can begin behind all of them.
   */
  function spelledOut(bound: BoundEntity, keys: string): string {
    const { table, column } = access.engine.text;
    const parts = bound.root.key.map((part, index) => {
      const reference = `t.${column(part.name)}`;
      return {
        name: `k${index + 1}`,
        text: part.read(reference),
        group: part.bytes?.(reference) ?? reference,
        reference,
      };
    });
    return `SELECT ${parts.map(({ name, text }) => `MIN(${text}) AS ${name}`).join(', ')}
       FROM (${keys}) k JOIN ${table(bound.root.name)} t ON ${parts.map(({ name, reference }) => `${reference} = k.${name}`).join(' AND ')}
       GROUP BY ${[...parts.map(({ name }) => `k.${name}`), ...parts.map(({ group }) => group)].join(', ')}
       ORDER BY ${[...parts.map(({ name }) => `k.${name}`), ...parts.map(({ group }) => group)].join(', ')}`;
  }

  /** By steps over the index. Rows are counted where a key has several: a range need not hold exactly as many as others. */
  async function boundaries(entity: Entity, parts: number): Promise<Key[]> {
    const bound = await access.bind(entity);
    const rows = (await estimatedRows(bound)) ?? (await countRows(bound));
    const step = Math.ceil(rows / Math.max(1, parts));
    const bounds: Key[] = [];
    if (step === 0 || parts < 2) return bounds;
    const cells = bound.root.key.map(
      (column, index) => `${column.read(`t.${access.engine.text.column(column.name)}`)} AS k${index + 1}`,
    );
    const order = bound.root.key.map((column) => `t.${access.engine.text.column(column.name)}`).join(', ');
    // An estimate that was too low would give more ranges, not longer ones; one without end is no estimate.
    for (let after: Key | null = null; bounds.length < parts * 4; bounds.push(after)) {
      const { conditions, parameters } = keyRange(access, bound, { after, upTo: null });
      const where = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : '';
      const [row] = await access.query(
        `SELECT ${cells.join(', ')} FROM ${access.engine.text.table(bound.root.name)} t${where}
         ORDER BY ${order} LIMIT 1 OFFSET ${step - 1}`,
        parameters,
      );
      if (!row) return bounds;
      after = keyOfCells(bound, row);
    }
    return bounds;
  }

  /** Keys, or about as many: a count of a large table would take as long as copying some of it. */
  async function estimateKeys(entity: Entity): Promise<number> {
    const bound = await access.bind(entity);
    const estimate = bound.root.single ? await estimatedRows(bound) : null;
    return estimate ?? (await countKeys(entity));
  }

  /** Null where the table is small enough to be counted, or where the database does not know. */
  async function estimatedRows(bound: BoundEntity): Promise<number | null> {
    const estimate = await access.guarded(() => access.engine.bulk.estimateRows(bound.root.name));
    return estimate !== null && estimate >= leastEstimate ? estimate : null;
  }

  async function countRows(bound: BoundEntity): Promise<number> {
    const [row] = await access.query(
      `SELECT count(*) AS total FROM ${access.engine.text.table(bound.root.name)}`,
    );
    return Number(row?.total ?? 0);
  }

  async function sample(entity: Entity, count: number, seed: number): Promise<Key[]> {
    const bound = await access.bind(entity);
    const texts = bound.root.key.map((column, index) => column.read(`k.k${index + 1}`));
    const rows = await access.query(
      `SELECT ${keyCells(bound)} FROM (${spelledKeys(bound)}) k
       ORDER BY ${access.engine.text.shuffle(texts, Math.floor(seed))} LIMIT ${Math.floor(count)}`,
    );
    return rows.map((row) => keyOfCells(bound, row));
  }

  async function countKeys(entity: Entity): Promise<number> {
    const bound = await access.bind(entity);
    const [row] = await access.query(`SELECT count(*) AS total FROM (${spelledKeys(bound)}) k`);
    return Number(row?.total ?? 0);
  }

  async function recorded(entity: Entity, page: { after: string | null; limit: number }): Promise<Key[]> {
    const rows = await access.query(
      `SELECT record_key FROM ${access.control('records')} WHERE entity = ? AND version > 0 AND record_key > ?
       ORDER BY record_key LIMIT ${Math.floor(page.limit)}`,
      [entity.name, page.after ?? ''],
    );
    return rows.map((row) => keyFromText(row.record_key ?? '[]'));
  }

  function distinctKeys(bound: BoundEntity): string {
    const { root } = bound;
    const cells = root.key.map(
      (column, index) => `t.${access.engine.text.column(column.name)} AS k${index + 1}`,
    );
    return `SELECT ${root.single ? '' : 'DISTINCT '}${cells.join(', ')} FROM ${access.engine.text.table(root.name)} t`;
  }

  /** Distinct by their bytes. */
  function spelledKeys(bound: BoundEntity): string {
    const { root } = bound;
    if (root.single) return distinctKeys(bound);
    const cells = root.key.flatMap((column, index) => {
      const reference = `t.${access.engine.text.column(column.name)}`;
      return [
        `${reference} AS k${index + 1}`,
        ...(column.bytes ? [`${column.bytes(reference)} AS b${index + 1}`] : []),
      ];
    });
    return `SELECT DISTINCT ${cells.join(', ')} FROM ${access.engine.text.table(root.name)} t`;
  }

  function keyCells(bound: BoundEntity): string {
    return bound.root.key
      .map((column, index) => `${column.read(`k.k${index + 1}`)} AS k${index + 1}`)
      .join(', ');
  }

  return { keys, boundaries, sample, countKeys, estimateKeys, recorded };
}

/** Conditions for keys behind `after`, up to and including `upTo`; the table's alias is `t`. */
export function keyRange(
  access: Access,
  bound: BoundEntity,
  { after, upTo }: { after: Key | null; upTo: Key | null },
): { conditions: string[]; parameters: Parameter[] } {
  const conditions: string[] = [];
  const parameters: Parameter[] = [];
  for (const [limit, operator, last] of [
    [after, '>', '>'],
    [upTo, '<', '<='],
  ] as const) {
    if (!limit) continue;
    const { sql, values } = beyond(access, bound, keyTexts(bound, limit), operator, last);
    conditions.push(sql);
    parameters.push(...values);
  }
  return { conditions, parameters };
}

/** `(a, b) > (x, y)` written out, because not every optimizer uses an index for row comparisons. */
function beyond(
  access: Access,
  bound: BoundEntity,
  texts: readonly string[],
  operator: '<' | '>',
  last: string,
) {
  const values: string[] = [];
  const column = (index: number) => {
    const found = bound.root.key[index];
    if (!found) throw new TypeError('a key has more parts than its entity');
    return { reference: `t.${access.engine.text.column(found.name)}`, compare: found.compare('?') };
  };
  const alternatives = texts.map((_, index) => {
    const parts = texts.slice(0, index + 1).map((text, part) => {
      values.push(text);
      const { reference, compare } = column(part);
      const final = index === texts.length - 1 ? last : operator;
      return `${reference} ${part < index ? '=' : final} ${compare}`;
    });
    return `(${parts.join(' AND ')})`;
  });
  return { sql: `(${alternatives.join(' OR ')})`, values };
}

function keyNames(bound: BoundEntity): string[] {
  return bound.root.key.map((_, index) => `k${index + 1}`);
}

function qualified(alias: string, names: readonly string[]): string {
  return names.map((name) => `${alias}.${name}`).join(', ');
}

function keyOfCells(bound: BoundEntity, row: TextCells): Key {
  return keyOfRow(
    bound,
    bound.root.key.map((_, index) => row[`k${index + 1}`] ?? null),
  );
}

/** Throws `InvalidEntity` where the cells are no key: nothing can be said about such a row, and nothing is skipped. */
export function keyOfRow(bound: BoundEntity, cells: readonly (string | null)[]): Key {
  try {
    return keyFromCells(bound, cells);
  } catch (error) {
    if (!(error instanceof NotCanonical)) throw error;
    const { entity, root, store } = bound;
    throw new LockstepError(
      'InvalidEntity',
      `a row of ${root.name} has a key (${root.key.map(({ name }) => name).join(', ')}) that no field can hold: it ${error.message}; correct it in the ${store} store`,
      { entity: entity.name },
    );
  }
}
