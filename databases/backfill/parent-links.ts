import type { Entity } from '../../model/entity.ts';
import type { BoundEntity, BoundTable } from '../columns/bound.ts';
import type { CatalogueColumn } from '../columns/catalogue.ts';
import type { ForeignKey } from '../engine/bulk-engine.ts';
import { ownedTables, type StoreContext } from '../sql/context.ts';

/** A foreign key of a table that pages are loaded into. */
export interface ParentLink {
  readonly table: BoundTable;
  /** The places of its columns in a row of a page, and what their texts begin with there. */
  readonly cells: readonly { readonly at: number; readonly prefix: string }[];
  /** The table that it refers to, and the columns there. */
  readonly parent: string;
  readonly columns: readonly CatalogueColumn[];
  /** Whether the database can put it off until the end of a transaction. */
  readonly isDeferrable: boolean;
  /** Where the page itself may hold what is referred to. */
  readonly inPage: { readonly table: BoundTable; readonly cells: ParentLink['cells'] } | null;
}

type ParentLinks = readonly ParentLink[];

const known = new WeakMap<BoundEntity, Promise<ParentLinks>>();

/** The foreign keys of an entity's tables; read once, as the binding is. */
export function parentLinksOf(context: StoreContext, bound: BoundEntity): Promise<ParentLinks> {
  const before = known.get(bound);
  if (before) return before;
  const reading = readLinks(context, bound);
  known.set(bound, reading);
  reading.catch(() => known.delete(bound));
  return reading;
}

async function readLinks(context: StoreContext, bound: BoundEntity): Promise<ParentLinks> {
  const { engine } = context;
  const names = await namesOf(
    context,
    bound.tables.map(({ name }) => name),
  );
  const links: ParentLink[] = [];
  for (const table of bound.tables) {
    for (const key of await engine.bulk.foreignKeys(table.name)) {
      const link = await linkOf(table, key, names.get(key.table) ?? null);
      if (link) links.push(link);
    }
  }
  return links;

  /** Null where a column is none of ours, or the table cannot be looked at: then the database alone can tell. */
  async function linkOf(table: BoundTable, key: ForeignKey, own: string | null): Promise<ParentLink | null> {
    const cells = placesOf(table, key.columns);
    const there = await engine.catalogue(key.table);
    const columns = key.referenced.map((name) => there?.columns.find((column) => column.name === name));
    const found = columns.filter((column) => column !== undefined);
    if (!cells || found.length < columns.length) return null;
    const parent = bound.tables.find(({ name }) => name === own);
    const inPage = parent ? placesOf(parent, key.referenced) : null;
    return {
      table,
      cells,
      parent: key.table,
      columns: found,
      isDeferrable: key.isDeferrable,
      inPage: parent && inPage ? { table: parent, cells: inPage } : null,
    };
  }

  function placesOf(table: BoundTable, columns: readonly string[]): ParentLink['cells'] | null {
    const places = columns.map((name) => {
      const at = table.columns.findIndex((column) => column.name === name);
      const column = table.columns[at];
      return { at, prefix: column ? (engine.bulk.prefix(column) ?? '') : '' };
    });
    return places.every(({ at }) => at >= 0) ? places : null;
  }
}

/** Tables by their names with schema or database. */
async function namesOf(context: StoreContext, tables: readonly string[]): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for (const table of tables) names.set(await context.engine.qualifiedName(table), table);
  return names;
}

/** Which entities are to be copied before which. */
export function createParentEntities(context: StoreContext) {
  async function parentEntities(entity: Entity): Promise<string[]> {
    return await context.translateErrors(async () => {
      const own = ownedTables(entity, context.name);
      const parents = new Set<string>();
      for (const table of own)
        for (const key of await context.engine.bulk.foreignKeys(table)) parents.add(key.table);
      if (parents.size === 0) return [];
      const found: string[] = [];
      for (const other of context.migration.entities) {
        const names = [...(await namesOf(context, ownedTables(other, context.name))).keys()];
        const referred = names.filter((name) => parents.has(name));
        // Rows of one page that belong together come in in their own order.
        const isOnlyWithin = other.name === entity.name && !(await refersToItself(own));
        if (referred.length > 0 && !isOnlyWithin) found.push(other.name);
      }
      return found;
    });
  }

  async function refersToItself(tables: readonly string[]): Promise<boolean> {
    for (const table of tables) {
      const name = await context.engine.qualifiedName(table);
      const keys = await context.engine.bulk.foreignKeys(table);
      if (keys.some((key) => key.table === name)) return true;
    }
    return false;
  }

  return { parentEntities };
}
