import type { Entity } from '../../model/entity.ts';
import type { BoundColumn, BoundEntity, TextRow, TextRows } from '../columns/bound.ts';
import { equals } from '../columns/column.ts';
import { keyFromCells } from '../columns/key-text.ts';
import { cellIn, rowsIn } from '../columns/rows.ts';
import type { ParentRecord, Together } from '../contract/backfill.ts';
import type { Fence, WriteItem } from '../contract/write.ts';
import type { Session } from '../engine/session.ts';
import type { StoreContext } from '../sql/context.ts';
import { throughDeadlocks } from '../sql/deadlocks.ts';
import { holdFence } from '../sql/fence.ts';
import type { GuardedWrites } from '../sql/guarded-write.ts';
import type { ReadyItem } from '../sql/write-request.ts';
import { presentTuples } from './missing-parents.ts';
import { type ParentLink, parentLinksOf } from './parent-links.ts';
import { isTransient, rejectionOf } from './rejection.ts';

/** Records that refer to one another: none of them can come in before the others. */
export function createCircles(context: StoreContext, writes: GuardedWrites) {
  const { engine } = context;

  async function missingParents(
    entity: Entity,
    items: readonly WriteItem[],
  ): Promise<(readonly ParentRecord[] | null)[]> {
    const bound = await context.bind(entity);
    const { ready } = writes.rows(bound, items);
    const found = new Map<number, ParentRecord[] | null>(ready.map(({ position }) => [position, []]));
    for (const link of await context.translateErrors(() => parentLinksOf(context, bound))) {
      const needs = ready.flatMap((one) => tuplesOf(link, one).map((text) => ({ at: one.position, text })));
      const wanted = [...new Set(needs.map(({ text }) => text))];
      const there = await context.transaction((session) => presentTuples(context, session, link, wanted));
      const parentOf = await keyedBy(link);
      for (const { at, text } of needs.filter((need) => !there.has(need.text))) {
        const list = found.get(at);
        const parent = parentOf?.(JSON.parse(text)) ?? null;
        if (parent) list?.push(parent);
        else found.set(at, null);
      }
    }
    return items.map((_, position) => found.get(position) ?? null);
  }

  /** Which record a tuple of the link's values is; null where its table is not the root of an entity, or its columns not the key. */
  async function keyedBy({ parent, columns }: ParentLink) {
    for (const entity of context.migration.entities) {
      const bound = await context.bind(entity);
      if ((await engine.qualifiedName(bound.root.name)) !== parent) continue;
      const places = bound.root.key.map((part) => columns.findIndex(({ name }) => name === part.name));
      if (places.includes(-1) || places.length < columns.length) return null;
      return (values: readonly string[]): ParentRecord => ({
        entity: entity.name,
        key: keyFromCells(
          bound,
          places.map((place) => values[place] ?? null),
        ),
      });
    }
    return null;
  }

  async function copyTogether(groups: readonly Together[], fence: Fence): Promise<number | null> {
    const parts: Part[] = [];
    for (const { entity, items } of groups) {
      const bound = await context.bind(entity);
      const links = await context.translateErrors(() => parentLinksOf(context, bound));
      const { ready, failed } = await writes.sound(bound, items);
      if (failed.size > 0) return null;
      parts.push({ bound, ready, filledIn: links.filter(isFilledIn) });
    }
    try {
      return await throughDeadlocks(
        engine,
        () => engine.transaction((session) => writeParts(session, parts, fence)),
        { isTransient: (error) => isTransient(context, error) },
      );
    } catch (error) {
      try {
        rejectionOf(context, error);
      } catch (own) {
        await context.translateErrors(() => Promise.reject(own));
      }
      return null;
    }
  }

  async function writeParts(session: Session, parts: readonly Part[], fence: Fence): Promise<number> {
    const { constraints } = engine.dialect;
    await holdFence(
      context,
      session,
      fence,
      'secondary',
      parts.map(({ bound }) => bound),
    );
    if (constraints) await session.query(constraints.defer);
    const written: { link: ParentLink; ready: ReadyItem }[] = [];
    let copied = 0;
    for (const { bound, ready, filledIn } of parts) {
      const first = ready.map((one) => ({ ...one, rows: withoutCells(one.rows, filledIn) }));
      const outcomes = await writes.call(session, bound, first, fence);
      for (const one of ready) {
        if (outcomes.get(one.position)?.status !== 'applied') continue;
        copied += 1;
        written.push(...filledIn.map((link) => ({ link, ready: one })));
      }
    }
    for (const { link, ready } of written) await fillIn(session, link, ready.rows);
    if (constraints) await session.query(constraints.check);
    return copied;
  }

  /** What a row refers to, once it is there. */
  async function fillIn(session: Session, link: ParentLink, rows: TextRows): Promise<void> {
    const { dialect } = engine;
    const { table } = link;
    for (const row of rowsIn(rows, table.name)) {
      const own = columnsOf(link);
      if (own.some(({ name }) => cellIn(row, name) === null)) continue;
      const set = own.map((column) => ({
        sql: `${dialect.column(column.name)} = ${column.write('?')}`,
        values: texts(column.write('?'), cellIn(row, column.name)),
      }));
      const where = table.identity.map((column) => ({
        sql: equals(column, dialect.column(column.name), '?'),
        values: texts(equals(column, '', '?'), cellIn(row, column.name)),
      }));
      await session.query(
        `UPDATE ${dialect.table(table.name)} SET ${set.map(({ sql }) => sql).join(', ')}
         WHERE ${where.map(({ sql }) => sql).join(' AND ')}`,
        [...set, ...where].flatMap(({ values }) => values),
      );
    }
  }

  return { missingParents, copyTogether };
}

/** One text for each placeholder. */
function texts(sql: string, text: string | null): (string | null)[] {
  return Array<string | null>(sql.split('?').length - 1).fill(text);
}

interface Part {
  readonly bound: BoundEntity;
  readonly ready: readonly ReadyItem[];
  /** Links whose columns are null at first. */
  readonly filledIn: readonly ParentLink[];
}

function columnsOf({ table, cells }: ParentLink): BoundColumn[] {
  return cells.flatMap(({ at }) => table.columns[at] ?? []);
}

/** Where the database cannot put the constraint off, a row can come in without what it refers to, if the columns may be null. */
function isFilledIn(link: ParentLink): boolean {
  const isPart = (name: string) => link.table.identity.some((part) => part.name === name);
  return !link.isDeferrable && columnsOf(link).every(({ name, nullable }) => nullable && !isPart(name));
}

function withoutCells(rows: TextRows, links: readonly ParentLink[]): TextRows {
  return Object.fromEntries(
    Object.entries(rows).map(([name, own]) => {
      const empty = links
        .filter(({ table }) => table.name === name)
        .flatMap((link) => columnsOf(link).map((column): [string, null] => [column.name, null]));
      return [name, own.map((row): TextRow => ({ ...row, ...Object.fromEntries(empty) }))];
    }),
  );
}

/** What the rows of an item refer to by a link, as the text of the columns there, but for what they bring themselves. */
function tuplesOf(link: ParentLink, { rows }: ReadyItem): string[] {
  const brought = link.inPage
    ? tuples(rows, link.inPage.table.name, columnsOf({ ...link, ...link.inPage }))
    : [];
  return tuples(rows, link.table.name, columnsOf(link)).filter((text) => !brought.includes(text));
}

function tuples(rows: TextRows, table: string, columns: readonly BoundColumn[]): string[] {
  return rowsIn(rows, table).flatMap((row) => {
    const values = columns.map(({ name }) => cellIn(row, name));
    return values.includes(null) ? [] : [JSON.stringify(values)];
  });
}
