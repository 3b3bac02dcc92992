import type { Entity } from '../../model/entity.ts';
import { isSound, knownOutcome } from '../contract/journal.ts';
import type { Fence, Outcome, WriteItem } from '../contract/write.ts';
import type { StoreContext } from './context.ts';
import { createJournal } from './journal.ts';

type Asked = WriteItem & { readonly operationId: string };

/**
 * A repeat has the outcome that its first try had. Whether an operation that a primary knows is the one that is asked for, the journal
 * says: a service may have used its id for another record, and that one was never written.
 */
export function createKnownOperations(context: StoreContext) {
  const { journal } = createJournal(context);

  async function withoutOthers(
    entity: Entity,
    items: readonly WriteItem[],
    outcomes: readonly Outcome[],
    { migration }: Fence,
  ): Promise<readonly Outcome[]> {
    if (!outcomes.some(({ status }) => status === 'known')) return outcomes;
    const repeats = new Map(
      outcomes.flatMap((outcome, at) => {
        const item = items[at];
        return outcome.status === 'known' && isAsked(item) ? [[at, item] as const] : [];
      }),
    );
    if (repeats.size === 0) return outcomes;
    const ids = [...new Set([...repeats.values()].map(({ operationId }) => operationId))];
    const entries = await journal({ migration, ids, limit: ids.length });
    const byId = new Map(entries.map((entry) => [entry.id, entry]));
    return outcomes.map((outcome, at) => {
      const asked = repeats.get(at);
      if (!asked) return outcome;
      const entry = byId.get(asked.operationId);
      // Only another migration's is not found.
      if (!entry) return { status: 'id-taken' };
      const { key, kind } = asked;
      return isSound(entry) ? knownOutcome(entry, { entity: entity.name, key, kind }) : outcome;
    });
  }

  return { withoutOthers };
}

/** By a caller, of the store that decides. An undo has an id that is derived. */
function isAsked(item: WriteItem | undefined): item is Asked {
  return item?.mode === 'primary' && item.operationId !== null && item.kind !== 'restore';
}
