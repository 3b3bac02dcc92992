import type { JournalEntry } from '../../databases/contract/journal.ts';
import type { Store } from '../../databases/contract/store.ts';
import { touchKind } from '../../databases/contract/touch.ts';
import { undoId } from '../write/undo.ts';

type Journal = Pick<Store, 'journal' | 'setOperationStatus' | 'completePending' | 'deleteTouches'>;

/**
 * Ends operations that both stores have. Those of touches are deleted. Before an undo begins, its entry is parked or keeps what the
 * other store said. So all others are completed at once; one that came to be so meanwhile is left as it is.
 */
export async function completeEntries(
  journal: Journal,
  migration: string,
  all: readonly JournalEntry[],
): Promise<void> {
  const { touches = [], owed = [], undoable = [] } = Object.groupBy(all, kindOfEnd);
  await journal.deleteTouches(idsOf(touches));
  await journal.completePending(idsOf(owed));
  await completeUndoable(journal, migration, undoable);
}

/**
 * One that was undone meanwhile, in the very transaction that gave its key the image from before, ends as compensated: a repeat must
 * not hear that it took effect.
 */
async function completeUndoable(
  journal: Journal,
  migration: string,
  entries: readonly JournalEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  const undoIds = new Map(
    entries.flatMap(({ id, version }) => (version === null ? [] : [[undoId(id, version), id] as const])),
  );
  const undone = await journal.journal({ migration, ids: [...undoIds.keys()], limit: entries.length });
  const compensated = new Set(undone.flatMap(({ id }) => undoIds.get(id) ?? []));
  await journal.setOperationStatus(
    idsOf(entries).filter((id) => !compensated.has(id)),
    'completed',
  );
  await journal.setOperationStatus([...compensated], 'compensated');
}

function kindOfEnd({ kind, status, refusal }: JournalEntry): 'touches' | 'owed' | 'undoable' {
  if (kind === touchKind) return 'touches';
  return status === 'pending' && refusal === null ? 'owed' : 'undoable';
}

export function idsOf(entries: readonly JournalEntry[]): string[] {
  return entries.map(({ id }) => id);
}
