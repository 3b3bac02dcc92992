import type { Entity } from '../../model/entity.ts';
import { allTables, type StoreContext } from './context.ts';

/** What an entity's tables look like now, so that one that is altered under a backfill is noticed. */
export function createFingerprints(context: StoreContext) {
  const { engine } = context;
  /** Each page of a backfill asks, and most of what is asked stays the same for days. */
  const known = new Map<string, { readonly mark: string; readonly lines: readonly string[] }>();

  async function fingerprint(entity: Entity): Promise<readonly string[]> {
    const lines: string[] = [];
    // Not as they are bound: tables that do not fit the entity any more are told all the same.
    for (const name of allTables(entity, context.name))
      lines.push(...(await context.translateErrors(() => linesOf(name))));
    context.rememberFingerprint(entity, lines.join('\n'));
    return lines;
  }

  async function linesOf(name: string): Promise<readonly string[]> {
    // Before the catalogue is read: a change in between is another mark the next time.
    const mark = await engine.catalogueMark(name);
    const before = known.get(name);
    if (mark !== null && before?.mark === mark) return before.lines;
    const lines = await readLines(name);
    if (mark !== null) known.set(name, { mark, lines });
    return lines;
  }

  async function readLines(name: string): Promise<readonly string[]> {
    const table = await engine.catalogue(name);
    if (!table) return [`${name}: no such table`];
    const columns = table.columns.map((column) => {
      const notes = [column.nullable ? '' : ' not null', column.generated ? ' generated' : ''];
      return `${name}.${column.name} ${column.declared}${notes.join('')}`;
    });
    return [...columns, ...table.unique.map((unique) => `${name} unique (${unique.join(', ')})`)];
  }

  return { fingerprint };
}
