import type { Session } from '../engine/session.ts';
import type { StoreContext } from '../sql/context.ts';
import { type BoundPage, firstRow, type PagePart } from './bound-page.ts';
import type { ParentLink } from './parent-links.ts';

const tuplesPerQuery = 500;

/** What some row of a key refers to, as the text of the columns there, and the positions of the page that bring it. */
interface Need {
  readonly position: number;
  readonly providers: readonly number[];
}

/** Positions of a page whose rows have all rows that they refer to, in the store or among themselves; and the others. */
export interface Parented {
  /** Each behind those that it refers to, where there is such an order. */
  readonly fit: readonly number[];
  readonly waiting: readonly number[];
}

export async function withParents(
  context: StoreContext,
  session: Session,
  page: BoundPage,
  positions: readonly number[],
  links: readonly ParentLink[],
): Promise<Parented> {
  const needs: Need[] = [];
  for (const link of links) needs.push(...(await needsOf(context, session, page, positions, link)));
  const waiting = new Set<number>();
  const leansOn = Map.groupBy(
    needs.flatMap((need) => need.providers.map((provider) => ({ provider, need }))),
    ({ provider }) => provider,
  );
  const left = new Map(needs.map((need) => [need, need.providers.length]));
  const gone: number[] = [];
  const drop = (position: number) => {
    if (waiting.has(position)) return;
    waiting.add(position);
    gone.push(position);
  };
  for (const { position, providers } of needs) if (providers.length === 0) drop(position);
  for (let position = gone.pop(); position !== undefined; position = gone.pop()) {
    for (const { need } of leansOn.get(position) ?? []) {
      const others = (left.get(need) ?? 0) - 1;
      left.set(need, others);
      if (others === 0) drop(need.position);
    }
  }
  const fit = positions.filter((position) => !waiting.has(position));
  const isInOrder = !context.engine.bulk.parentsFirst || needs.length === 0;
  return {
    fit: isInOrder ? fit : parentsFirst(fit, needs),
    waiting: positions.filter((position) => waiting.has(position)),
  };
}

/** What is referred to and is not in the store, with the positions of the page that bring it. */
async function needsOf(
  context: StoreContext,
  session: Session,
  page: BoundPage,
  positions: readonly number[],
  link: ParentLink,
): Promise<Need[]> {
  const own = page.parts.find(({ table }) => table === link.table);
  if (!own) return [];
  const referring = tuplesOf(own, positions, link.cells);
  if (referring.length === 0) return [];
  const providers = new Map<string, Set<number>>();
  const parent = page.parts.find(({ table }) => table === link.inPage?.table);
  if (parent && link.inPage) {
    for (const { position, text } of tuplesOf(parent, positions, link.inPage.cells)) {
      const known = providers.get(text);
      if (known) known.add(position);
      else providers.set(text, new Set([position]));
    }
  }
  // What only the page brings needs no look into the store, except where it is there already: then nothing is loaded twice.
  const wanted = [...new Set(referring.map(({ text }) => text))].filter((text) => !providers.has(text));
  const there = await presentTuples(context, session, link, wanted);
  return referring
    .filter(({ text }) => !there.has(text))
    .map(({ position, text }) => ({ position, providers: [...(providers.get(text) ?? [])] }))
    .filter(({ position, providers: own }) => !own.includes(position));
}

/** What the columns of each row hold, where none of them is null. */
function tuplesOf(
  part: PagePart,
  positions: readonly number[],
  cells: ParentLink['cells'],
): { position: number; text: string }[] {
  const places = cells.map(({ at }) => at);
  const tuples: { position: number; text: string }[] = [];
  for (const position of positions) {
    for (let row = firstRow(part, position); row < firstRow(part, position + 1); row++) {
      const found = part.text.cells(row, places);
      const values = cells.map(({ prefix }, at) => found[at]?.slice(prefix.length) ?? null);
      if (values.every((value) => value !== null)) tuples.push({ position, text: JSON.stringify(values) });
    }
  }
  return tuples;
}

/** Which of some tuples, as JSON, the parent's table has. */
export async function presentTuples(
  { engine: { dialect } }: StoreContext,
  session: Session,
  { parent, columns }: ParentLink,
  tuples: readonly string[],
): Promise<Set<string>> {
  const found = new Set<string>();
  const references = columns.map(({ name }) => `t.${dialect.column(name)}`);
  const cells = columns.map((column, at) => `${column.read(references[at] ?? '')} AS c${at}`).join(', ');
  const [only, ...more] = columns;
  for (let at = 0; at < tuples.length; at += tuplesPerQuery) {
    const some = tuples.slice(at, at + tuplesPerQuery).map((text): string[] => JSON.parse(text));
    const where =
      only && more.length === 0
        ? `${references[0]} IN (${some.map(() => only.compare('?')).join(', ')})`
        : some
            .map(
              () =>
                `(${columns.map((column, i) => `${references[i]} = ${column.compare('?')}`).join(' AND ')})`,
            )
            .join(' OR ');
    const rows = await session.query(
      `SELECT ${cells} FROM ${dialect.table(parent)} t WHERE ${where}`,
      some.flat(),
    );
    for (const row of rows) found.add(JSON.stringify(columns.map((_, i) => row[`c${i}`] ?? null)));
  }
  return found;
}

/** Those that refer to none of the page first, and so on; what refers to itself in a circle comes last. */
function parentsFirst(positions: readonly number[], needs: readonly Need[]): number[] {
  const parents = Map.groupBy(needs, ({ position }) => position);
  const order = new Set<number>();
  const entered = new Set<number>();
  for (const first of positions) {
    const path = [first];
    for (let position = path.at(-1); position !== undefined; position = path.at(-1)) {
      const open = entered.has(position)
        ? undefined
        : (parents.get(position) ?? [])
            .flatMap(({ providers }) => providers)
            .filter((one) => !order.has(one));
      entered.add(position);
      if (open && open.length > 0) path.push(...open.filter((one) => !entered.has(one)));
      if (path.at(-1) !== position) continue;
      path.pop();
      order.add(position);
    }
  }
  return [...order];
}
