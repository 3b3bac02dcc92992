import type { Entity } from '../../model/entity.ts';
import { allTables, type StoreContext } from './context.ts';

/** What an entity's tables look like now, so that one that is altered under a backfill is noticed. */
export function createFingerprints(context: StoreContext) {
  async function fingerprint(entity: Entity): Promise<readonly string[]> {
    const lines: string[] = [];
    // Not as they are bound: tables that do not fit the entity any more are told all the same.
    for (const name of allTables(entity, context.name)) {
      const table = await context.translateErrors(() => context.engine.catalogue(name));
      if (!table) lines.push(`${name}: no such table`);
      for (const column of table?.columns ?? []) {
        const notes = [column.nullable ? '' : ' not null', column.generated ? ' generated' : ''];
        lines.push(`${name}.${column.name} ${column.declared}${notes.join('')}`);
      }
      for (const unique of table?.unique ?? []) lines.push(`${name} unique (${unique.join(', ')})`);
    }
    context.rememberFingerprint(entity, lines.join('\n'));
    return lines;
  }

  return { fingerprint };
}
