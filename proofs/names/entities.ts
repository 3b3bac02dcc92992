import { z } from 'zod';
import { type Entity, entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { rows, table } from '../../model/shape.ts';
import { hostileNames, isRefused } from './hostile-names.ts';

/** A name in every place where an entity may have it. */
export interface Named {
  readonly name: string;
  /** Nearly the same, for what stands beside it. */
  readonly other: string;
  /** Of `plain` and of `listed`: the two names, unless Lockstep keeps such tables to itself. */
  readonly tables: readonly [string, string];
  /** The properties that lie in the two columns. */
  readonly properties: readonly [string, string];
  /** One row a record: a table of the name, whose key and value are columns of it and of the other name. */
  readonly plain: Entity;
  /** Several rows a record: a table of the other name, with the same columns. */
  readonly listed: Entity;
}

/** One property of an object must not be written so: it would be its prototype. */
const property = (name: string) => (name === '__proto__' ? 'proto' : name);

const list = z.object({ id: z.int(), items: z.array(z.object({ value: z.string() })) });
type List = z.infer<typeof list>;

const tableOf = (name: string) => (name.startsWith('lockstep_') && !isRefused(name) ? `the_${name}` : name);

/** A record of `plain`, or one of `listed`. */
export function recordOf({ properties: [first, second] }: Named, id: number, value: string) {
  return { [first]: id, [second]: value };
}

export function listOf(id: number, values: readonly string[]) {
  return { id, items: values.map((value) => ({ value })) };
}

export function namedAs(name: string, at: number): Named {
  // As long as the name where that is as long as can be.
  const other = name.length > 50 ? `${name.slice(1)}y` : `${name}2`;
  const properties = [property(name), property(other)] as const;
  const [first, second] = properties;
  const tables = [tableOf(name), tableOf(other)] as const;
  const lies = table(tables[0], { [first]: name, [second]: other });
  const plain = entity({
    name: `plain_${at}`,
    // The fields come from the schema, and so do their names.
    schema: z.object({ [first]: z.int(), [second]: z.string() }),
    key: first,
    legacy: lies,
    modern: lies,
  });
  const listing = rows<List, Record<string, Record<string, unknown>[]>>({
    tables: { [tables[1]]: { key: [name], identity: [name, other] } },
    toRows: (record) => ({
      [tables[1]]: record.items.map(({ value }) => ({ [name]: record.id, [other]: value })),
    }),
    fromRows: (found) => ({
      id: Number(found[tables[1]]?.[0]?.[name]),
      items: (found[tables[1]] ?? []).map((row) => ({ value: String(row[other]) })),
    }),
  });
  const listed = entity({
    name: `listed_${at}`,
    schema: list,
    fields: { items: field.list({ by: ['value'] }) },
    key: 'id',
    legacy: listing,
    modern: listing,
  });
  return { name, other, tables, properties, plain, listed };
}

/** Some of the names that have a text: one in so many, from a place that the seed decides. */
export function someNames(seed: number, oneIn: number, only: string): readonly string[] {
  return hostileNames.filter((name, index) => name.includes(only) && (index + seed) % oneIn === 0);
}
