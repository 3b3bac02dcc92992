import { keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { isLockstepError, nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import { entityNamed } from '../../model/migration.ts';
import type { Operation, OperationStatus, WriteRoute } from '../../model/operation.ts';
import type { OpenMigration } from '../contract/current-state.ts';
import type { Store } from '../contract/store.ts';
import type { Fence, Outcome, StoredRecord, WriteItem } from '../contract/write.ts';
import { staleBaseAttempts } from './decide.ts';
import { isOfOtherDefinition } from './definition-refusal.ts';
import { primaryItem } from './primary-item.ts';
import { groupLockWaitMs, roundsOf } from './rounds.ts';
import { unfitRefusal } from './unfit.ts';
import { resultOf, type WriteResult } from './write-result.ts';

/** What the primary made of one write among others. `apart`: `decideAtPrimary` finds out, for this write alone. */
export type GroupDecision =
  | Extract<WriteResult, { readonly status: 'applied' | 'refused' | 'fenced' }>
  | { readonly status: 'apart' };

interface Indexed {
  readonly index: number;
  readonly operation: Operation;
}

type Decided = ReadonlyMap<number, GroupDecision>;
/** Runs a call for writes of one entity; decisions are by their places. */
export type Attempt = (entity: Entity, call: () => Promise<Decided>) => Promise<Decided>;

const apart: GroupDecision = { status: 'apart' };

/**
 * The guarded writes of a group at the primary: one call for each entity, as long as no key comes twice. What is more than a
 * decision of the store's own (a row that breaks a rule, an image that cannot be made, another definition) goes apart, so that
 * there is one place that says what becomes of it. Decisions are in the order of the operations.
 *
 * @param attempt runs each call
 */
export async function decideTogether(
  open: OpenMigration,
  operations: readonly Operation[],
  route: WriteRoute,
  attempt: Attempt = (_, call) => call(),
): Promise<readonly GroupDecision[]> {
  const decisions: GroupDecision[] = operations.map(() => apart);
  const indexed = operations.map((operation, index) => ({ index, operation }));
  await Promise.all(
    [...Map.groupBy(indexed, ({ operation }) => operation.entity)].map(async ([name, own]) => {
      const entity = entityNamed(open.migration, name);
      for (const round of roundsOf(own, ({ operation }) => operation)) {
        const decided = await attempt(entity, () => decideRound(open, entity, round, route));
        for (const [index, decision] of decided) decisions[index] = decision;
      }
    }),
  );
  return decisions;
}

/** Those that are not in the result go apart. */
async function decideRound(
  context: OpenMigration,
  entity: Entity,
  round: readonly Indexed[],
  route: WriteRoute,
): Promise<Map<number, GroupDecision>> {
  const { migration, stores } = context;
  const store = stores[route.primary];
  const fence = { migration: migration.name, epoch: route.epoch, lockWaitMs: groupLockWaitMs };
  const decided = new Map<number, GroupDecision>();
  let open = round.filter(({ operation }) => !isOfOtherDefinition(entity, operation));
  for (let attempt = 1; open.length > 0 && attempt <= staleBaseAttempts; attempt++) {
    const asked = await itemsOf(context, store, entity, open, route);
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
  context: OpenMigration,
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
      const unfit = await unfitRefusal(context, entity, { ...operation, image: item.image }, route);
      return unfit ? [] : [{ write, item }];
    }),
  );
  return made.flat();
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

/** Of a repeat that the journal knows so, a group says what the first try was told. */
const toldAgain: readonly OperationStatus[] = ['pending', 'completed', 'failed'];

/** What the routine has recorded under the operation's id, or nobody will: the fence. */
function decisionOf(store: Store, entity: Entity, operation: Operation, outcome: Outcome): GroupDecision {
  if (outcome.status === 'failed') return apart;
  if (outcome.status === 'known' && !toldAgain.includes(outcome.recorded)) return apart;
  const result = resultOf(store, entity, operation, outcome);
  return result.status === 'conflict' || result.status === 'aborted' ? apart : result;
}
