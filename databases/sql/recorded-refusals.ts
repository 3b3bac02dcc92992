import { keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { operationIdTakenMessage } from '../../model/operation.ts';
import { assertSound, knownOutcome, type RefusedOperation, type SoundEntry } from '../contract/journal.ts';
import { textOfRefusal } from '../contract/recorded-refusal.ts';
import { type Fence, type Outcome, refusalOfStore, type WriteItem } from '../contract/write.ts';
import type { StoreContext } from './context.ts';
import { throughDeadlocks } from './deadlocks.ts';
import { holdFence } from './fence.ts';
import { createJournal } from './journal.ts';

/**
 * What a primary refused for good, noted under the fence once the write's own transaction is gone: a repeat is refused in the same
 * way, and a change of primary makes it known to the other store.
 */
export function createRecordedRefusals(context: StoreContext) {
  const { journal } = createJournal(context);
  const table = context.control('operations');
  const columns = ['id', 'migration', 'entity', 'record_key', 'kind', 'status', 'epoch', 'refusal'];

  async function refuse(
    entity: Entity,
    operations: readonly RefusedOperation[],
    fence: Fence,
  ): Promise<SoundEntry[]> {
    const bound = await context.bind(entity);
    const { migration, epoch } = fence;
    const rows = operations.map(() => `(${columns.map(() => '?').join(', ')})`);
    const insert = context.engine.dialect.insertNew(table, columns, ['id'], rows);
    const values = operations.flatMap(({ id, key, kind, refusal }) => [
      id,
      migration,
      entity.name,
      keyText(key),
      kind,
      'failed',
      epoch,
      textOfRefusal(refusal),
    ]);
    const once = () =>
      context.engine.transaction(async (session) => {
        await holdFence(context, session, fence, 'primary', [bound]);
        await session.query(insert, values);
      });
    await context.translateErrors(() => throughDeadlocks(context.engine, once));
    const ids = operations.map(({ id }) => id);
    const entries = await journal({ migration, ids, limit: ids.length });
    const byId = new Map(entries.map((entry) => [entry.id, entry]));
    return ids.map((id) => {
      const entry = byId.get(id);
      if (!entry)
        throw new LockstepError('OperationIdTaken', operationIdTakenMessage(entity.name, id), {
          entity: entity.name,
          operationId: id,
        });
      assertSound(entry, context.name);
      return entry;
    });
  }

  /** Outcomes in which a refusal is one that the journal has. Where another try has come first, its outcome is given. */
  async function withRecorded(
    entity: Entity,
    items: readonly WriteItem[],
    outcomes: readonly Outcome[],
    fence: Fence,
  ): Promise<readonly Outcome[]> {
    if (!outcomes.some(({ status }) => status === 'failed')) return outcomes;
    const refused = new Map(
      outcomes.flatMap((outcome, at) => {
        const operation = refusedOperation(items[at], outcome);
        return operation ? [[at, operation] as const] : [];
      }),
    );
    if (refused.size === 0) return outcomes;
    const standing = await standingOutcomes(entity, [...refused.values()], fence);
    const positions = [...refused.keys()];
    return outcomes.map((outcome, at) => standing[positions.indexOf(at)] ?? outcome);
  }

  /** Null where the refusal is the one that was to be noted. */
  async function standingOutcomes(
    entity: Entity,
    operations: readonly RefusedOperation[],
    fence: Fence,
  ): Promise<(Outcome | null)[]> {
    try {
      const entries = await refuse(entity, operations, fence);
      return entries.map((entry, at) => {
        const wanted = operations[at];
        if (entry.refusal && wanted && textOfRefusal(entry.refusal) === textOfRefusal(wanted.refusal))
          return null;
        return knownOutcome(entry, wanted ? { entity: entity.name, ...wanted } : entry);
      });
    } catch (error) {
      if (!(error instanceof LockstepError) || error.code !== 'Fenced') throw error;
      return operations.map(() => ({ status: 'fenced', epoch: null }));
    }
  }

  /** An undo, which nobody but Lockstep asks for, may be tried again. */
  function refusedOperation(item: WriteItem | undefined, outcome: Outcome): RefusedOperation | null {
    if (outcome.status !== 'failed' || item?.mode !== 'primary') return null;
    if (item.operationId === null || item.kind === 'restore') return null;
    const refusal = refusalOfStore(context.name, outcome.failure);
    return { id: item.operationId, key: item.key, kind: item.kind, refusal };
  }

  return { refuse, withRecorded };
}
