import { isDeepStrictEqual } from 'node:util';
import { compareText } from '../../model/canonical.ts';
import type { BoundEntity, BoundTable, Cells } from '../columns/bound.ts';
import { rowsIn } from '../columns/rows.ts';
import type { Fence, Outcome } from '../contract/write.ts';
import {
  type ListEngine,
  type ListedKey,
  type LockedRecord,
  type OwnedRows,
  type RecordName,
  recordOf,
  SharedRowDiffers,
  type SharedRows,
} from '../engine/list-engine.ts';
import { cellsOf, guardOf } from '../engine/placed-rows.ts';
import type { Session } from '../engine/session.ts';
import type { StoreContext } from './context.ts';
import { heldRoute } from './fence.ts';
import {
  type Applied,
  decideList,
  isDecidedByRow,
  type KnownOutcome,
  type ListDecision,
  type LockedFacts,
  roundsOf,
} from './list-decision.ts';
import { knownOutcome, ownLocks, type ReadyItem, sharedLocks } from './write-request.ts';

/**
 * The guarded write of many items of one entity: fence, locks in key order, versions, operation ids, rows, records and
 * journal, one statement a step for all of them. It decides here what the write routine decides there for one item. Runs
 * inside a transaction of the caller's; what it throws asks for that transaction to be rolled back.
 *
 * @param locks where other lists follow in the same transaction: the records of all of them
 */
export async function writeList(
  context: StoreContext,
  session: Session,
  bound: BoundEntity,
  list: readonly ReadyItem[],
  fence: Fence,
  locks?: readonly RecordName[],
): Promise<Map<number, Outcome>> {
  const route = await heldRoute(context, session, fence.migration, [bound]);
  const isPrimary = route?.primary === context.name;
  const isFenced = ({ item }: ReadyItem) =>
    route?.epoch !== fence.epoch ||
    (item.mode !== 'secondary' && !route.open) ||
    (item.mode === 'primary') !== isPrimary;
  const outcomes = new Map<number, Outcome>(
    list
      .filter(isFenced)
      .map(({ position }) => [position, { status: 'fenced', epoch: route?.epoch ?? null }]),
  );
  const rest = list.filter((ready) => !isFenced(ready));
  if (rest.length === 0) return outcomes;

  if (locks) await context.engine.lists.lockOrInsert(session, locks);
  // Of those alone that are decided here: a lock of version 0 would outlive the others.
  const facts = await lockedFacts(context, session, bound, rest);
  const decision = await decideAndNote(context, session, { bound, list: rest, facts }, fence);
  await writeRows(context, session, bound, decision);
  await keepRecords(context, session, decision);
  return new Map([...outcomes, ...decision.outcomes]);
}

/** What the store has of the records of a list, which are locked from now on: own ones first, then shared ones. */
async function lockedFacts(
  context: StoreContext,
  session: Session,
  bound: BoundEntity,
  list: readonly ReadyItem[],
): Promise<LockedFacts> {
  const { lists } = context.engine;
  const keys = keysOf(list);
  const byRow = list.some(({ item }) => isDecidedByRow(item));
  const given = [{ bound, ready: list }];
  const own = await lockAll(lists, session, ownLocks(given), () =>
    lists.lockKeys(session, bound, keys, byRow),
  );
  const shared = sharedLocks(given);
  const others =
    shared.length === 0
      ? []
      : await lockAll(lists, session, shared, () => lists.lockRecords(session, shared));
  return {
    versions: new Map(
      [...own, ...others].map(({ entity, key, version }) => [recordOf(entity, key), BigInt(version)]),
    ),
    live: new Set(own.flatMap(({ key, isLive }) => (isLive ? key : []))),
  };
}

/** Most records are there. Where some are not, they get version 0, and all are looked at again. */
async function lockAll<Locked extends LockedRecord>(
  lists: ListEngine,
  session: Session,
  records: readonly RecordName[],
  lock: () => Promise<readonly Locked[]>,
): Promise<readonly Locked[]> {
  const found = await lock();
  const there = new Set(found.map(({ entity, key }) => recordOf(entity, key)));
  const missing = records.filter(([entity, key]) => !there.has(recordOf(entity, key)));
  if (missing.length === 0) return found;
  await lists.lockOrInsert(session, missing);
  return await lock();
}

/** Items with what the store has of their records, which are locked. */
interface LockedList {
  readonly bound: BoundEntity;
  readonly list: readonly ReadyItem[];
  readonly facts: LockedFacts;
}

/**
 * Most operations are new, so the journal is not asked before. What it knows already shows where their ids are inserted, and an item whose
 * base has changed, which inserts none, is asked for. Then the list is decided again.
 */
async function decideAndNote(
  context: StoreContext,
  session: Session,
  { bound, list, facts }: LockedList,
  fence: Fence,
): Promise<ListDecision> {
  const { lists } = context.engine;
  const { name } = bound.entity;
  const known = new Map<string, KnownOutcome>();
  const asked = new Set<string>();
  const ask = async (ids: readonly string[]) => {
    for (const { id, status, version, reason } of await lists.readOperations(session, ids))
      known.set(id, knownOutcome(status, version, reason));
    for (const id of ids) asked.add(id);
  };
  for (;;) {
    const decision = decideList(name, list, { ...facts, known });
    const unasked = staleIds(list, decision).filter((id) => !asked.has(id));
    if (unasked.length > 0) {
      await ask(unasked);
      continue;
    }
    if (decision.noted.length === 0) return decision;
    const operations = decision.noted.map(({ ready, operationId, version, refusal }) => ({
      id: operationId,
      key: ready.order,
      kind: ready.item.kind,
      status: refusal !== null && ready.item.mode === 'primary' ? 'failed' : ready.item.status,
      version: ready.item.mode === 'tentative' ? null : String(version),
      reason: refusal,
      before: ready.before,
    }));
    const given = { migration: fence.migration, entity: name, epoch: fence.epoch, operations };
    if (await lists.insertOperations(session, given)) return decision;
    // None is there where the other writer has rolled its own back.
    await ask(operations.map(({ id }) => id));
  }
}

function staleIds(list: readonly ReadyItem[], { outcomes }: ListDecision): string[] {
  return list.flatMap(({ item, position }) =>
    outcomes.get(position)?.status === 'stale-base' ? (item.operationId ?? []) : [],
  );
}

/** Each key once, with its place among them. */
function keysOf(list: readonly ReadyItem[]): ListedKey[] {
  const once = new Map(list.map(({ order, keys }) => [order, keys]));
  return [...once].map(([text, parts], at) => ({ at, text, parts }));
}

/** Shared rows come first, for owned ones refer to them; whose row stays, versions decide and not rounds. */
async function writeRows(
  context: StoreContext,
  session: Session,
  bound: BoundEntity,
  { applied }: ListDecision,
): Promise<void> {
  const { lists } = context.engine;
  const shared = bound.referenced.map((table) => sharedRows(table, applied));
  await lists.writeShared(session, {
    replacing: shared.map(({ replacing }) => replacing).filter(({ rows }) => rows.length > 0),
    absent: shared.map(({ absent }) => absent).filter(({ rows }) => rows.length > 0),
  });
  for (const round of roundsOf(applied)) {
    const deleting = round.filter(({ ready }) => ready.item.image === null);
    const writing = round.filter(({ ready }) => ready.item.image !== null);
    if (deleting.length > 0)
      await lists.deleteRows(session, bound, keysOf(deleting.map(({ ready }) => ready)));
    if (writing.length > 0) await lists.writeOwned(session, bound, ownedRows(bound, writing));
  }
}

function ownedRows(bound: BoundEntity, writing: readonly Applied[]): OwnedRows {
  const keys = keysOf(writing.map(({ ready }) => ready));
  const listed = writing.map((one, at) => ({ one, key: keys[at] ?? { at, text: '', parts: [] } }));
  return {
    keys,
    live: new Set(listed.flatMap(({ one, key }) => (one.replaces ? key.at : []))),
    tables: bound.owned.map((table) => ({
      table,
      rows: listed.flatMap(({ one, key }) =>
        rowsIn(one.ready.rows, table.name).map((row) => ({ key, cells: cellsOf(table, row) })),
      ),
    })),
  };
}

/**
 * Each shared row once. The last item that raised its guard has the highest version, and replaces what is there; where none
 * did, the first that brings the row inserts it.
 */
function sharedRows(
  table: BoundTable,
  applied: readonly Applied[],
): { readonly replacing: SharedRows; readonly absent: SharedRows } {
  const { shared = '', wins = 'latest' } = table.reference ?? {};
  const replacing = new Map<string, Cells>();
  const absent = new Map<string, Cells>();
  for (const { ready, raised } of applied) {
    for (const row of rowsIn(ready.rows, table.name)) {
      const guard = guardOf(table, row);
      const cells = cellsOf(table, row);
      const before = absent.get(guard);
      if (wins === 'latest' && raised.has(recordOf(shared, guard))) replacing.set(guard, cells);
      else if (before === undefined) absent.set(guard, cells);
      else if (wins === 'refuse' && !isDeepStrictEqual(before, cells)) throw new SharedRowDiffers(table.name);
    }
  }
  for (const guard of replacing.keys()) absent.delete(guard);
  return { replacing: inOrder(table, replacing), absent: inOrder(table, absent) };
}

/** Rows that several writers share are written in one order by all of them. */
function inOrder(table: BoundTable, rows: ReadonlyMap<string, Cells>): SharedRows {
  const sorted = [...rows].sort(([left], [right]) => compareText(left, right));
  return { table, rows: sorted.map(([, cells]) => cells) };
}

async function keepRecords(context: StoreContext, session: Session, decision: ListDecision): Promise<void> {
  const { lists } = context.engine;
  const raised = [...decision.records.values()].map((record) => ({
    ...record,
    version: String(record.version),
  }));
  if (raised.length > 0) await lists.raiseRecords(session, raised);
  const left = decision.unversioned;
  if (left.length > 0) await lists.dropUnversioned(session, left);
}
