import { versionBeforeLockstep } from '../../model/version.ts';
import type { Outcome, Refusal, WriteItem } from '../contract/write.ts';
import { type RecordName, recordOf } from '../engine/list-engine.ts';
import type { ReadyItem } from './write-request.ts';

export type KnownOutcome = Extract<Outcome, { status: 'known' }>;

/** What the store holds of the keys of a list, once their records are locked. */
export interface LockedFacts {
  /** By `recordOf`; a record that is not there has version 0. */
  readonly versions: ReadonlyMap<string, bigint>;
  /** Texts of the keys that have a row, where one of the items is decided by that. */
  readonly live: ReadonlySet<string>;
}

interface ListFacts extends LockedFacts {
  /** Operations that the journal knows already, by id. */
  readonly known: ReadonlyMap<string, KnownOutcome>;
}

/** An item whose rows are to be written. */
export interface Applied {
  readonly ready: ReadyItem;
  readonly version: bigint;
  /** Whether its key had a row before it. */
  readonly replaces: boolean;
  /** Shared records that it raises, by `recordOf`. */
  readonly raised: ReadonlySet<string>;
}

export interface Noted {
  readonly ready: ReadyItem;
  readonly operationId: string;
  readonly version: bigint;
  readonly refusal: Refusal | 'superseded' | null;
}

export interface RaisedRecord {
  readonly entity: string;
  readonly key: string;
  readonly version: bigint;
  readonly deleted: boolean;
  readonly digest: string | null;
  readonly operationId: string | null;
}

/** What is to be done for a list, and what each of its items is told. */
export interface ListDecision {
  readonly outcomes: ReadonlyMap<number, Outcome>;
  readonly applied: readonly Applied[];
  readonly noted: readonly Noted[];
  /** The last version of each record that is raised. */
  readonly records: ReadonlyMap<string, RaisedRecord>;
  /** Records whose lock leaves nothing behind. */
  readonly unversioned: readonly RecordName[];
}

/**
 * Decides one item after the other, as the write routine does for one: what the first of two items of a key leaves is what
 * the second one meets.
 */
export function decideList(entity: string, list: readonly ReadyItem[], facts: ListFacts): ListDecision {
  const versions = new Map(facts.versions);
  const live = new Set(facts.live);
  const known = new Map(facts.known);
  const outcomes = new Map<number, Outcome>();
  const applied: Applied[] = [];
  const noted: Noted[] = [];
  const records = new Map<string, RaisedRecord>();
  const touched = new Map<string, RecordName>();

  for (const ready of list) outcomes.set(ready.position, decide(ready));
  const unversioned = [...touched].flatMap(([record, name]) => (versionOf(record) === 0n ? [name] : []));
  return { outcomes, applied, noted, records, unversioned };

  function decide(ready: ReadyItem): Outcome {
    const { item, order: key } = ready;
    const own = recordOf(entity, key);
    touched.set(own, [entity, key]);
    for (const shared of ready.shared)
      touched.set(recordOf(shared.name, shared.key), [shared.name, shared.key]);
    const stored = versionOf(own);
    const isLive = live.has(key);
    const isPrimary = item.mode === 'primary';
    const before = item.operationId === null ? undefined : known.get(item.operationId);

    if (isStale(ready, stored, isLive)) {
      return before ?? { status: 'stale-base', version: String(stored) };
    }
    const refusal = isPrimary ? refusalOf(ready, stored, isLive) : supersededBy(ready, stored, isLive);
    if (before) return before;
    const version = versionFor(ready, stored, refusal);
    if (item.operationId !== null) {
      noted.push({ ready, operationId: item.operationId, version, refusal });
      known.set(item.operationId, {
        status: 'known',
        recorded: isPrimary && refusal ? 'failed' : item.status,
        version: item.mode === 'tentative' ? null : String(version),
        reason: refusal,
      });
    }
    if (refusal === 'superseded') return { status: 'superseded', version: String(stored) };
    if (refusal) return { status: 'refused', reason: refusal, version: String(stored) };

    applied.push({ ready, version, replaces: isLive, raised: raiseShared(ready, version) });
    if (item.image) live.add(key);
    else live.delete(key);
    if (version > 0n && item.mode !== 'tentative') {
      raise(own, {
        entity,
        key,
        version,
        deleted: item.image === null,
        digest: ready.digest,
        operationId: item.operationId,
      });
    }
    return { status: 'applied', version: String(version) };
  }

  function versionOf(record: string): bigint {
    return versions.get(record) ?? 0n;
  }

  function raise(record: string, raised: RaisedRecord): void {
    versions.set(record, raised.version);
    records.set(record, raised);
  }

  /** Above all guards that it raises, where the primary gives it. */
  function versionFor({ item, shared }: ReadyItem, stored: bigint, refusal: Noted['refusal']): bigint {
    if (item.mode !== 'primary') return BigInt(item.version);
    if (refusal) return stored;
    const guards = shared.map(({ name, key }) => versionOf(recordOf(name, key)) + 1n);
    return [BigInt(item.version), stored + 1n, ...guards].reduce((left, right) =>
      left > right ? left : right,
    );
  }

  function raiseShared({ item, shared }: ReadyItem, version: bigint): Set<string> {
    const raised = new Set<string>();
    for (const { name, key, version: given, digest } of shared) {
      const record = recordOf(name, key);
      const next = given === null ? version : BigInt(given);
      if (next <= versionOf(record)) continue;
      raise(record, {
        entity: name,
        key,
        version: next,
        deleted: false,
        digest,
        operationId: item.operationId,
      });
      raised.add(record);
    }
    return raised;
  }
}

/** Whether what becomes of an item depends on whether its key has a row. */
export function isDecidedByRow({ mode, kind, version }: WriteItem): boolean {
  return mode === 'primary' ? kind !== 'replace' && kind !== 'restore' : version === versionBeforeLockstep;
}

/** Whether the image was computed from another version, or from no row where there is one. */
function isStale({ item }: ReadyItem, stored: bigint, isLive: boolean): boolean {
  if (item.readVersion !== undefined && item.readVersion !== null && BigInt(item.readVersion) !== stored)
    return true;
  return item.mode === 'primary' && item.kind === 'update' && item.image === null && isLive;
}

function refusalOf({ item }: ReadyItem, stored: bigint, isLive: boolean): Refusal | null {
  const { expectedVersion, kind } = item;
  if (expectedVersion !== undefined && expectedVersion !== null && BigInt(expectedVersion) !== stored)
    return 'VersionConflict';
  if (kind === 'create' && isLive) return 'AlreadyExists';
  if ((kind === 'update' || kind === 'delete') && !isLive) return 'NotFound';
  return null;
}

/** A version of 0 never touches a row that is there. */
function supersededBy({ item }: ReadyItem, stored: bigint, isLive: boolean): 'superseded' | null {
  const version = BigInt(item.version);
  if (version < stored) return 'superseded';
  return version === stored && (stored > 0n || isLive) ? 'superseded' : null;
}

/** What of a list is written at once: at most one item of a key, in the order of the list. */
export function roundsOf(applied: readonly Applied[]): Applied[][] {
  const seen = new Map<string, number>();
  const rounds = Map.groupBy(applied, ({ ready }) => {
    const round = seen.get(ready.order) ?? 0;
    seen.set(ready.order, round + 1);
    return round;
  });
  return [...rounds.values()];
}
