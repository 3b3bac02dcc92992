import type { Entity } from '../../model/entity.ts';
import { leavesPrecision } from '../../model/field.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { Operation, WriteRoute } from '../../model/operation.ts';
import type { OpenMigration } from '../contract/current-state.ts';
import type { RecordedRefusal } from '../contract/recorded-refusal.ts';
import type { Store } from '../contract/store.ts';

/** How long a store may take that has to be asked for its columns first. */
const patienceMs = 500;

/**
 * Refuses a write before either store has it, where one of them would round a time that the field leaves as fine as it is, or
 * where the secondary can hold no row of its key. A store that is unavailable cannot say; what it refuses later is parked.
 */
export async function unfitRefusal(
  { migration, stores }: OpenMigration,
  entity: Entity,
  operation: Operation,
  { primary, secondary }: WriteRoute,
): Promise<RecordedRefusal | null> {
  const { id, key, image } = operation;
  if (!image || !secondary) return null;
  const asked = [
    { name: secondary, ask: (store: Store) => store.unusableKeyReason(entity, key) },
    ...(leavesPrecision(entity.fields) ? [primary, secondary] : []).map((name) => ({
      name,
      ask: (store: Store) => store.tooFineReason(entity, image),
    })),
  ];
  for (const { name, ask } of asked) {
    const message = await inTime(stores[name], ask);
    if (message === null) continue;
    // What was decided before is answered as it was, whatever the columns are by now.
    const [known] = await stores[primary].journal({ migration: migration.name, ids: [id], limit: 1 });
    if (known) return null;
    return { code: 'StoreRefused', message, store: name, about: 'row' };
  }
  return null;
}

/** Stores that have not answered in time, until they do: one that hangs would hold up every write for that long. */
const late = new WeakSet<Store>();

/** What nobody has foreseen is thrown, whether or not the store had to be asked: nothing is written then. */
function inTime(
  store: Store,
  ask: (store: Store) => string | null | Promise<string | null>,
): string | null | Promise<string | null> {
  if (late.has(store)) return null;
  const answer = ask(store);
  return answer instanceof Promise ? withinPatience(store, answer) : answer;
}

async function withinPatience(store: Store, asked: Promise<string | null>): Promise<string | null> {
  const answer = asked.catch(nullWhereTold);
  let timer: NodeJS.Timeout | undefined;
  const timeIsUp = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, patienceMs, 'late');
  });
  const found = await Promise.race([answer, timeIsUp]);
  clearTimeout(timer);
  if (found !== 'late') return found;
  late.add(store);
  const hasAnswered = () => late.delete(store);
  answer.then(hasAnswered, hasAnswered);
  return null;
}

/** Where the store is away, or not as the definition says: that is told when it is written to. */
function nullWhereTold(error: unknown): null {
  if (isLockstepError(error)) return null;
  throw error;
}
