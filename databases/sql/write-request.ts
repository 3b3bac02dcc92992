import { compareText, type Image, keyText } from '../../model/canonical.ts';
import { digestOf } from '../../model/digest.ts';
import { ownImage } from '../../model/field.ts';
import type { BoundEntity } from '../columns/bound.ts';
import { keyTexts } from '../columns/key-text.ts';
import { canonicalCells } from '../columns/rows.ts';
import { refusalInText } from '../contract/recorded-refusal.ts';
import { type Outcome, type Refusal, refusals, type WriteItem } from '../contract/write.ts';
import type { TextCells } from '../engine/session.ts';
import { statusOf } from './journal.ts';

/** An item as the write routine takes it, with its place in the list. */
export interface ReadyItem {
  readonly position: number;
  readonly order: string;
  readonly item: WriteItem;
  readonly json: string;
}

/** Throws where the item's image cannot be turned into rows. */
export function readyItem(bound: BoundEntity, item: WriteItem, position: number): ReadyItem {
  return { position, order: keyText(item.key), item, json: requestJson(bound, item, position) };
}

function requestJson(bound: BoundEntity, item: WriteItem, position: number): string {
  const { entity } = bound;
  const sharedVersions = item.sharedVersions.map((record) => ({
    e: record.name,
    k: keyText(record.key),
    v: record.version ?? undefined,
    d: record.digest,
  }));
  sharedVersions.sort((left, right) => compareText(left.e, right.e) || compareText(left.k, right.k));
  const keys = Object.fromEntries(keyTexts(bound, item.key).map((text, index) => [`k${index + 1}`, text]));
  return JSON.stringify({
    ordinal: position,
    mode: item.mode,
    kind: item.kind,
    operation: item.operationId ?? undefined,
    key: keyText(item.key),
    version: item.version,
    expected: item.expectedVersion ?? undefined,
    read_version: item.readVersion ?? undefined,
    status: item.status,
    digest: item.image ? digestOf(ownImage(entity.fields, item.image)) : undefined,
    before: item.before === undefined ? undefined : JSON.stringify(item.before),
    gone: item.image ? 0 : 1,
    shared: sharedVersions.length > 0 ? sharedVersions : undefined,
    rows: item.image ? requestRows(bound, item.image) : undefined,
    ...keys,
  });
}

/** Null cells are left out: absent and null are one thing to the routines. */
function requestRows(bound: BoundEntity, image: Image): Record<string, object[]> {
  const rows = bound.rowsOf(image);
  return Object.fromEntries(
    bound.tables.map((table) => [
      table.name,
      (rows[table.name] ?? []).map((row) => {
        const cells = Object.fromEntries(Object.entries(row).filter(([, cell]) => cell !== null));
        if (!table.reference) return cells;
        return { ...cells, lockstep_guard: JSON.stringify(canonicalCells(table.identity, row)) };
      }),
    ]),
  );
}

/** Own records first, then shared ones, each in key order: every list takes its locks in this order. */
export function locksOf(lists: readonly { bound: BoundEntity; ready: readonly ReadyItem[] }[]): string {
  const own = new Set(
    lists.flatMap(({ bound, ready }) => ready.map(({ order }) => JSON.stringify([bound.entity.name, order]))),
  );
  const shared = new Set(
    lists.flatMap(({ ready }) =>
      ready.flatMap(({ item }) =>
        item.sharedVersions.map((record) => JSON.stringify([record.name, keyText(record.key)])),
      ),
    ),
  );
  const sorted = (locks: Set<string>) => [...locks].sort(compareText);
  return `[${[...sorted(own), ...sorted(shared)].join(',')}]`;
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
  if (status.startsWith('known:')) {
    const refusal = refusalInText(reason);
    return {
      status: 'known',
      version,
      recorded: statusOf(status.slice('known:'.length)),
      reason: refusal?.message ?? reason,
      ...(refusal ? { refusal } : {}),
    };
  }
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

function refusalOf(reason: string | null): Refusal {
  const refusal = refusals.find((known) => known === reason);
  if (refusal) return refusal;
  throw new TypeError('the write routine gave an unknown reason; run lockstep prepare');
}
