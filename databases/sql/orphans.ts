import { type Key, keyFromText, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { BoundColumn, BoundEntity, BoundTable } from '../columns/bound.ts';
import type { OrphanPage } from '../contract/comparison.ts';
import type { StoreContext } from './context.ts';
import { keysetOf } from './keyset.ts';

/** Finds rows that no record holds. */
export function createOrphans(context: StoreContext) {
  const { dialect } = context.engine;

  async function orphanKeys(entity: Entity, after: string | null, limit: number): Promise<OrphanPage> {
    const bound = await context.bind(entity);
    const tables = furtherTables(bound);
    const from = after === null ? { table: 0, key: null } : positionOf(after);
    const table = tables[from.table];
    if (!table) return { keys: [], next: null };
    const { cells, order, within, keyOf } = keysetOf(dialect, { ...bound, root: table });
    const behind = within({ lower: from.key, upper: null });
    // A key counts once, in the first table that has it.
    const absent = [bound.root, ...tables.slice(0, from.table)].map((other) => isAbsentIn(table, other));
    const rows = await context.query(
      `SELECT ${cells} FROM ${dialect.table(table.name)} t
       WHERE ${[behind.sql, ...absent].join(' AND ')} GROUP BY ${order} ORDER BY ${order} LIMIT ${Math.floor(limit)}`,
      behind.values,
    );
    const keys = rows.map(keyOf);
    const last = rows.length < limit ? null : keys.at(-1);
    if (last) return { keys, next: `${from.table} ${keyText(last)}` };
    return { keys, next: from.table + 1 < tables.length ? `${from.table + 1} ` : null };
  }

  /** How many rows a table has of them. */
  async function countOrphans({ root }: BoundEntity, table: BoundTable): Promise<number> {
    const [row] = await context.query(
      `SELECT COUNT(*) AS total FROM ${dialect.table(table.name)} t WHERE ${isAbsentIn(table, root)}`,
    );
    return Number(row?.total ?? 0);
  }

  function isAbsentIn(table: BoundTable, other: BoundTable): string {
    const same = table.key.map((column, at) => isSamePart(column, other.key[at] ?? column));
    return `NOT EXISTS (SELECT 1 FROM ${dialect.table(other.name)} r WHERE ${same.join(' AND ')})`;
  }

  /** By their texts where the tables have other types: not every server compares those. */
  function isSamePart(child: BoundColumn, root: BoundColumn): string {
    const [left, right] = [`t.${dialect.column(child.name)}`, `r.${dialect.column(root.name)}`];
    if (child.declared === root.declared) return `${left} = ${right}`;
    return `${child.read(left)} = ${root.read(right)}`;
  }

  return { orphanKeys, countOrphans };
}

/** Those of an entity that may have rows which no record holds. */
export function furtherTables({ lossIn, owned, root }: BoundEntity): BoundTable[] {
  return lossIn === null ? [] : owned.filter((table) => table !== root);
}

function positionOf(text: string): { table: number; key: Key | null } {
  const at = text.indexOf(' ');
  const key = text.slice(at + 1);
  return { table: Number(text.slice(0, at)), key: key === '' ? null : keyFromText(key) };
}
