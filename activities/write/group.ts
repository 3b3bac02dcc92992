import type { Store } from '../../databases/contract/store.ts';
import type { Fence, Outcome, StoredRecord, WriteItem } from '../../databases/contract/write.ts';
import { keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { isLockstepError, nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import { entityNamed } from '../../model/migration.ts';
import type { Operation, WriteRoute } from '../../model/operation.ts';
import type { ActivityContext } from '../context.ts';
import { writeMetrics } from '../metrics.ts';
import { isOfOtherDefinition } from './definition-refusal.ts';
import { groupLockWaitMs, roundsOf } from './group-rounds.ts';
import { primaryItem } from './primary-item.ts';
import { tooFineRefusal } from './too-fine.ts';
import { resultOf, type Timing, type WriteResult } from './write-result.ts';

/** What the primary made of one write of a group. `apart`: its own workflow finds out, and tells its caller. */
export type GroupDecision =
  | Extract<WriteResult, { readonly status: 'applied' | 'refused' | 'fenced' }>
  | { readonly status: 'apart' };

export interface GroupDecisions {
  /** In the order of the operations. */
  readonly decisions: readonly GroupDecision[];
  readonly timing: Timing;
}

interface Indexed {
  readonly index: number;
  readonly operation: Operation;
}

const staleBaseAttempts = 10;
const apart: GroupDecision = { status: 'apart' };

export function createGroupActivities(context: ActivityContext) {
  const { migration, stores } = context;
  const metrics = writeMetrics(context);

  /**
   * The guarded writes of a group at the primary: one call for each entity, as long as no key comes twice. What is more than a
   * decision of the store's own (a row that breaks a rule, an image that cannot be made, another definition) is left to a
   * workflow of that write's own, so that there is one place that says what becomes of it.
   */
  async function writeGroupAtPrimary(request: {
    operations: readonly Operation[];
    route: WriteRoute;
  }): Promise<GroupDecisions> {
    const { operations, route } = request;
    const startedAtMs = Date.now();
    const started = performance.now();
    const decisions: GroupDecision[] = operations.map(() => apart);
    const indexed = operations.map((operation, index) => ({ index, operation }));
    await Promise.all(
      [...Map.groupBy(indexed, ({ operation }) => operation.entity)].map(async ([name, own]) => {
        const entity = entityNamed(migration, name);
        for (const round of roundsOf(own, ({ operation }) => operation)) {
          const decided = await metrics.groupAttempt({ store: route.primary, entity: name }, () =>
            decideRound(entity, round, route),
          );
          for (const [index, decision] of decided) decisions[index] = decision;
        }
      }),
    );
    return { decisions, timing: { startedAtMs, tookMs: performance.now() - started } };
  }

  /** Those that are not in the result go apart. */
  async function decideRound(
    entity: Entity,
    round: readonly Indexed[],
    route: WriteRoute,
  ): Promise<Map<number, GroupDecision>> {
    const store = stores[route.primary];
    const fence = { migration: migration.name, epoch: route.epoch, lockWaitMs: groupLockWaitMs };
    const decided = new Map<number, GroupDecision>();
    let open = round.filter(({ operation }) => !isOfOtherDefinition(entity, operation));
    for (let attempt = 1; open.length > 0 && attempt <= staleBaseAttempts; attempt++) {
      const asked = await itemsOf(store, entity, open, route);
      const outcomes = await writeTogether(store, entity, asked, fence);
      open = [];
      for (const [at, { write }] of asked.entries()) {
        const outcome = outcomes[at];
        if (!outcome) continue;
        if (outcome.status === 'stale-base') open.push(write);
        else decided.set(write.index, decisionOf(store, entity, write.operation, outcome));
      }
    }
    return decided;
  }

  async function itemsOf(
    store: Store,
    entity: Entity,
    writes: readonly Indexed[],
    route: WriteRoute,
  ): Promise<{ write: Indexed; item: WriteItem }[]> {
    const updates = writes.filter(({ operation }) => operation.kind === 'update');
    const stored =
      updates.length > 0
        ? await store.read(
            entity,
            updates.map(({ operation }) => operation.key),
          )
        : [];
    const read = new Map<string, StoredRecord>(stored.map((record) => [keyText(record.key), record]));
    const made = await Promise.all(
      writes.map(async (write) => {
        const { operation } = write;
        const record = operation.kind === 'update' ? (read.get(keyText(operation.key)) ?? null) : null;
        const item = await primaryItem(entity, operation, record, route);
        if ('refused' in item) return [];
        const tooFine = await tooFineRefusal(context, entity, { ...operation, image: item.image }, route);
        return tooFine ? [] : [{ write, item }];
      }),
    );
    return made.flat();
  }

  return { writeGroupAtPrimary };
}

/** Null for those whose key somebody holds: the store is there, and the others go on without them. */
async function writeTogether(
  store: Store,
  entity: Entity,
  asked: readonly { item: WriteItem }[],
  fence: Fence,
): Promise<readonly (Outcome | null)[]> {
  if (asked.length === 0) return [];
  const items = asked.map(({ item }) => item);
  try {
    return await store.write(entity, items, fence);
  } catch (error) {
    if (!isLockstepError(error, 'StoreUnavailable')) throw error;
    await store.ping();
    return await writeByKey(store, entity, items, fence);
  }
}

async function writeByKey(
  store: Store,
  entity: Entity,
  items: readonly WriteItem[],
  fence: Fence,
): Promise<readonly (Outcome | null)[]> {
  const outcomes = new Map<WriteItem, Outcome>();
  const byKey = [...Map.groupBy(items, ({ key }) => keyText(key)).values()];
  await Promise.all(
    byKey.map(async (own) => {
      const found = await store.write(entity, own, fence).catch(nullWhereUnavailable);
      for (const [at, outcome] of (found ?? []).entries()) {
        const item = own[at];
        if (item) outcomes.set(item, outcome);
      }
    }),
  );
  return items.map((item) => outcomes.get(item) ?? null);
}

/** What the routine has recorded under the operation's id, or nobody will: the fence. */
function decisionOf(store: Store, entity: Entity, operation: Operation, outcome: Outcome): GroupDecision {
  if (outcome.status === 'failed') return apart;
  if (outcome.status === 'known' && outcome.recorded !== 'pending' && outcome.recorded !== 'completed')
    return apart;
  const result = resultOf(store, entity, operation, outcome);
  return result.status === 'conflict' || result.status === 'aborted' ? apart : result;
}
