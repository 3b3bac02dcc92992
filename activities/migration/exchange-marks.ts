import { currentState } from '../../databases/contract/current-state.ts';
import { otherStore, routes } from '../../model/phase.ts';
import type { ActivityContext } from '../context.ts';

/**
 * Raises each store's mark, and tells the other. A store that is behind what the other has seen of it was set back: its mark is left
 * as it is, until a person has decided. Nothing is done while a phase leaves one of them out. Throws where one cannot be reached.
 */
export async function exchangeMarks(
  context: Pick<ActivityContext, 'migration' | 'stores' | 'clock'>,
): Promise<void> {
  const { migration, stores, clock } = context;
  const { primary, secondary } = routes[(await currentState(context)).phase];
  if (secondary === null) return;
  for (const store of [primary, secondary]) {
    const other = stores[otherStore(store)];
    const { seen } = await other.marks(migration.name);
    const mark = await stores[store].raiseMark(migration.name, { to: clock.next(), atLeast: seen });
    if (mark !== null) await other.noteMark(migration.name, mark);
  }
}
