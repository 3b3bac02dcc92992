import type { JournalEntry } from '../../databases/contract/journal.ts';
import type { Store } from '../../databases/contract/store.ts';
import { touchKind } from '../../databases/contract/touch.ts';
import { undoId } from '../write/undo.ts';

/**
 * Ends pending operations that both stores have. Those of touches are deleted. One that was undone meanwhile, in the very
 * transaction that gave its key the
 * image from before, ends as compensated: a repeat must not hear that it took effect.
 */
export async function completeEntries(
  journal: Pick<Store, 'journal' | 'setOperationStatus' | 'deleteTouches'>,
  migration: string,
  all: readonly JournalEntry[],
): Promise<void> {
  await journal.deleteTouches(all.filter(isTouch).map(({ id }) => id));
  const entries = all.filter((entry) => !isTouch(entry));
  if (entries.length === 0) return;
  const undoIds = new Map(
    entries.flatMap(({ id, version }) => (version === null ? [] : [[undoId(id, version), id] as const])),
  );
  const undone = await journal.journal({ migration, ids: [...undoIds.keys()], limit: entries.length });
  const compensated = new Set(undone.flatMap(({ id }) => undoIds.get(id) ?? []));
  const ids = entries.map(({ id }) => id);
  await journal.setOperationStatus(
    ids.filter((id) => !compensated.has(id)),
    'completed',
  );
  await journal.setOperationStatus([...compensated], 'compensated');
}

function isTouch({ kind }: JournalEntry): boolean {
  return kind === touchKind;
}
