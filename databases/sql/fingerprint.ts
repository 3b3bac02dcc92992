import type { Entity } from '../../model/entity.ts';
import type { Access } from './context.ts';

/** What an entity's tables look like now, so that one that is altered under a backfill is noticed. */
export function fingerprints(access: Access) {
  async function fingerprint(entity: Entity): Promise<readonly string[]> {
    const known = await access.bind(entity);
    const lines: string[] = [];
    for (const { name } of known.tables) {
      const table = await access.guarded(() => access.engine.catalogue(name));
      if (!table) lines.push(`${name}: no such table`);
      for (const column of table?.columns ?? []) {
        const notes = [column.nullable ? '' : ' not null', column.generated ? ' generated' : ''];
        lines.push(`${name}.${column.name} ${column.declared}${notes.join('')}`);
      }
      for (const unique of table?.unique ?? []) lines.push(`${name} unique (${unique.join(', ')})`);
    }
    access.noteFingerprint(entity, lines.join('\n'));
    return lines;
  }

  return { fingerprint };
}
