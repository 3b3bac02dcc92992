import type { Entity } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import { leavesPrecision } from '../../model/field.ts';
import type { Operation, WriteRoute } from '../../model/operation.ts';
import type { OpenMigration } from '../contract/current-state.ts';
import type { RecordedRefusal } from '../contract/recorded-refusal.ts';

/** How long a store may take that has to be asked for its columns first. */
const patienceMs = 500;

/**
 * Refuses a write before either store has it, where one of them would round a time that the field leaves as fine as it is.
 * A store that is unavailable cannot say; what it refuses later is parked.
 */
export async function tooFineRefusal(
  { migration, stores }: OpenMigration,
  entity: Entity,
  operation: Operation,
  { primary, secondary }: WriteRoute,
): Promise<RecordedRefusal | null> {
  const { id, image } = operation;
  if (!image || !secondary || !leavesPrecision(entity.fields)) return null;
  for (const name of [primary, secondary]) {
    const message = await whyTooFine(name);
    if (message === null) continue;
    // What was decided before is answered as it was, whatever the columns are by now.
    const [known] = await stores[primary].journal({ migration: migration.name, ids: [id], limit: 1 });
    if (known) return null;
    return { code: 'StoreRefused', message, store: name, about: 'row' };
  }
  return null;

  async function whyTooFine(name: StoreName): Promise<string | null> {
    if (!image) return null;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, patienceMs, null);
    });
    try {
      return await Promise.race([stores[name].tooFineReason(entity, image), late]);
    } catch {
      // Away, or not as the definition says: that is told when the store is written to.
      return null;
    } finally {
      clearTimeout(timer);
    }
  }
}
