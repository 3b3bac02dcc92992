import { compareText, keyText } from '../../model/canonical.ts';
import { digestOf } from '../../model/digest.ts';
import { ownImage } from '../../model/field.ts';
import type { BoundEntity, TextRows } from '../columns/bound.ts';
import { keyTexts } from '../columns/key-text.ts';
import { controlRowFault, invalidControlRow } from '../contract/control-row.ts';
import { refusalInText } from '../contract/recorded-refusal.ts';
import { type Outcome, type Refusal, refusals, type WriteItem } from '../contract/write.ts';
import { type RecordName, recordOf } from '../engine/list-engine.ts';
import { placedRows } from '../engine/placed-rows.ts';
import type { RoutineItem, RoutineShared } from '../engine/routine-item.ts';
import type { TextCells } from '../engine/session.ts';
import { statusOf } from './journal.ts';

/** An item turned into what the database is given, with its place in the list. */
export interface ReadyItem {
  readonly position: number;
  /** The key's text, by which lists are ordered. */
  readonly order: string;
  readonly item: WriteItem;
  /** The texts that stand for the parts of the key in SQL. */
  readonly keys: readonly string[];
  /** Rows by table; of none any where the item deletes. */
  readonly rows: TextRows;
  /** In locking order. */
  readonly shared: readonly RoutineShared[];
  /** Of the image; null where the item deletes. */
  readonly digest: string | null;
  /** The image to keep in the journal, as JSON; null where none is kept. */
  readonly before: string | null;
}

/** Throws where the item's image cannot be turned into rows. */
export function readyItem(bound: BoundEntity, item: WriteItem, position: number): ReadyItem {
  const shared = item.sharedVersions.map((record) => ({
    name: record.name,
    key: keyText(record.key),
    version: record.version,
    digest: record.digest,
  }));
  shared.sort((left, right) => compareText(left.name, right.name) || compareText(left.key, right.key));
  return {
    position,
    order: keyText(item.key),
    item,
    keys: keyTexts(bound, item.key),
    rows: item.image
      ? bound.rowsOf(item.image)
      : Object.fromEntries(bound.tables.map(({ name }) => [name, []])),
    shared,
    digest: item.image ? digestOf(ownImage(bound.entity.fields, item.image)) : null,
    before: item.before === undefined ? null : JSON.stringify(item.before),
  };
}

/** An item as the write routine takes it. */
export function routineItem(bound: BoundEntity, ready: ReadyItem): RoutineItem {
  const { item } = ready;
  return {
    mode: item.mode,
    kind: item.kind,
    operationId: item.operationId,
    key: ready.order,
    parts: ready.keys,
    version: item.version,
    expected: item.expectedVersion ?? null,
    readVersion: item.readVersion ?? null,
    status: item.status,
    digest: ready.digest,
    before: ready.before,
    shared: ready.shared,
    rows: item.image ? placedRows(bound, ready.rows) : null,
  };
}

interface LockedLists {
  readonly bound: Pick<BoundEntity, 'entity'>;
  readonly ready: readonly Pick<ReadyItem, 'order' | 'shared'>[];
}

/** Own records first, then shared ones, each in key order: every list takes its locks in this order. */
export function locksOf(lists: readonly LockedLists[]): RecordName[] {
  return [...ownLocks(lists), ...sharedLocks(lists)];
}

export function ownLocks(lists: readonly LockedLists[]): RecordName[] {
  return inOrder(
    lists.flatMap(({ bound, ready }) => ready.map(({ order }): RecordName => [bound.entity.name, order])),
  );
}

export function sharedLocks(lists: readonly LockedLists[]): RecordName[] {
  return inOrder(
    lists.flatMap(({ ready }) =>
      ready.flatMap((item) => item.shared.map(({ name, key }): RecordName => [name, key])),
    ),
  );
}

function inOrder(locks: readonly RecordName[]): RecordName[] {
  const once = new Map(locks.map((lock) => [recordOf(...lock), lock]));
  return [...once.values()].sort(inLockOrder);
}

function inLockOrder([entity, key]: RecordName, [otherEntity, otherKey]: RecordName): number {
  return compareText(entity, otherEntity) || compareText(key, otherKey);
}

/** In the order of the items. Throws where one of them has none. */
export function outcomesInOrder(
  items: readonly WriteItem[],
  ...known: readonly ReadonlyMap<number, Outcome>[]
): Outcome[] {
  return items.map((_, position) => {
    const outcome = known.map((outcomes) => outcomes.get(position)).find((found) => found !== undefined);
    if (!outcome) throw new TypeError('the write routine gave no outcome for an item; run lockstep prepare');
    return outcome;
  });
}

export function outcomeOf(row: TextCells): Outcome {
  const status = row.status ?? '';
  const version = row.version ?? null;
  const reason = row.reason ?? null;
  if (status.startsWith('known:')) return knownOutcome(status.slice('known:'.length), version, reason);
  switch (status) {
    case 'applied':
    case 'superseded':
    case 'stale-base':
      return { status, version: version ?? '0' };
    case 'refused':
      return { status, reason: refusalOf(reason), version: version ?? '0' };
    case 'fenced':
      return { status, epoch: version === null ? null : Number(version) };
    default:
      throw new TypeError(`the write routine gave an unknown status; run lockstep prepare`);
  }
}

/** @param reason as the journal has it, or its refusal as JSON */
export function knownOutcome(
  status: string,
  version: string | null,
  reason: string | null,
): Extract<Outcome, { status: 'known' }> {
  const refusal = refusalInText(reason);
  const recorded = statusOf(status);
  if (recorded === 'unknown')
    throw invalidControlRow(controlRowFault('operations', 'the status of an operation is none'));
  return {
    status: 'known',
    version,
    recorded,
    reason: refusal?.message ?? reason,
    ...(refusal ? { refusal } : {}),
  };
}

function refusalOf(reason: string | null): Refusal {
  const refusal = refusals.find((known) => known === reason);
  if (refusal) return refusal;
  throw new TypeError('the write routine gave an unknown reason; run lockstep prepare');
}
