import type { OpenMigration } from '../../databases/contract/current-state.ts';
import {
  type ConflictCode,
  type Fence,
  isConflict,
  type Outcome,
  refusalDetails,
  type SharedRecordVersion,
  type StoredRecord,
  type WriteItem,
} from '../../databases/contract/write.ts';
import { type Image, type Key, recordIdentity } from '../../model/canonical.ts';
import { digestOf } from '../../model/digest.ts';
import type { Entity } from '../../model/entity.ts';
import type { RefusalDetails } from '../../model/failure.ts';
import { holdsShared, sharedRecords } from '../../model/field.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { WriteRoute } from '../../model/operation.ts';
import { type Version, versionBeforeLockstep } from '../../model/version.ts';
import type { ActivityContext } from '../context.ts';
import { inFittingParts } from '../fitting-parts.ts';

export type ConvergeResult =
  | { readonly status: 'converged'; readonly version: Version; readonly changed: boolean }
  | { readonly status: 'refused'; readonly message: string; readonly details?: RefusalDetails }
  | {
      readonly status: 'conflict';
      readonly code: ConflictCode;
      readonly message: string;
      readonly details: RefusalDetails;
    }
  | { readonly status: 'fenced' };

/** A route with a secondary. */
export type PairedRoute = WriteRoute & { readonly secondary: NonNullable<WriteRoute['secondary']> };

/**
 * The one primitive behind secondary writes, retries, repair and catching up: read image and version at the primary, apply
 * them to the secondary under its guard. Results in the order of the keys. Throws where a store cannot be reached.
 */
export async function convergeKeys(
  context: OpenMigration,
  entity: Entity,
  keys: readonly Key[],
  route: WriteRoute,
  given: Pick<Fence, 'lockWaitMs'> = {},
): Promise<ConvergeResult[]> {
  if (!route.secondary) throw new TypeError('a route without secondary has nothing to converge');
  const primary = context.stores[route.primary];
  const secondary = context.stores[route.secondary];
  const stored = await primary.read(entity, keys);
  await primary.noteTouched(entity, stored);
  const fence = { migration: context.migration.name, epoch: route.epoch, ...given };
  const readable = stored.filter((record) => record.unreadable === null);
  const items = await secondaryItems(context, entity, readable, route, 'secondary');
  const outcomes = await secondary.write(entity, items, fence);
  const byRecord = new Map(readable.map((record, index) => [record, outcomes[index]]));
  return stored.map((record) => {
    if (record.unreadable !== null) return { status: 'refused', message: record.unreadable };
    const outcome = byRecord.get(record);
    if (!outcome) throw new TypeError('a write gave no outcome for its item');
    return convergedOf(record, outcome, `${entity.name}: the ${secondary.name} store refused`);
  });
}

/** As `convergeKeys`, of keys whose rows need not fit into memory together. */
export async function convergeInParts(
  context: OpenMigration,
  entity: Entity,
  keys: readonly Key[],
  route: WriteRoute,
): Promise<ConvergeResult[]> {
  return await inFittingParts([context.stores[route.primary]], entity, keys, (part) =>
    convergeKeys(context, entity, part, route),
  );
}

/** A key that cannot be written now, while its store takes others. */
export interface LateKey {
  readonly status: 'late';
  readonly code: 'StoreUnavailable';
  readonly message: string;
}

/**
 * As `convergeKeys`. What fails because of one key, such as a lock that somebody holds, keeps none of the others waiting: where
 * both stores answer nevertheless, each key is tried by itself. Throws where a store does not answer.
 *
 * @param given `atOnce`: how many keys are tried beside one another then
 */
export async function convergeApart(
  context: OpenMigration,
  entity: Entity,
  keys: readonly Key[],
  route: WriteRoute,
  { atOnce, ...given }: Pick<Fence, 'lockWaitMs'> & { readonly atOnce: number },
): Promise<(ConvergeResult | LateKey)[]> {
  const { legacy, modern } = context.stores;
  const apart = async (some: readonly Key[]): Promise<(ConvergeResult | LateKey)[]> => {
    try {
      return await convergeKeys(context, entity, some, route, given);
    } catch (error) {
      if (!isLockstepError(error, 'StoreUnavailable')) throw error;
      await Promise.all([legacy.ping(), modern.ping()]);
      if (some.length === 1) return [{ status: 'late', code: 'StoreUnavailable', message: error.message }];
      const results: (ConvergeResult | LateKey)[] = [];
      for (let at = 0; at < some.length; at += atOnce) {
        const part = await Promise.all(some.slice(at, at + atOnce).map((key) => apart([key])));
        results.push(...part.flat());
      }
      return results;
    }
  };
  return await apart(keys);
}

/** Items that carry what the primary has, shared records with their versions. */
export async function secondaryItems(
  context: Pick<ActivityContext, 'stores'>,
  entity: Entity,
  records: readonly StoredRecord[],
  route: WriteRoute,
  mode: 'secondary' | 'copy',
): Promise<WriteItem[]> {
  const guards = await sharedGuards(context, entity, records, route);
  const sharedVersionsOf = (image: Image) =>
    sharedRecords(entity.fields, image).flatMap((shared) => {
      const guard = guards.get(recordIdentity(shared.name, shared.key));
      const digest = digestOf(shared.record);
      // A copy that is not what the guard speaks of is an old one: it is inserted where absent, never more.
      return guard && guard.digest === digest ? [{ ...guard, digest }] : [];
    });
  return records.map((record) => ({
    // What nobody wrote through Lockstep is copied: it never replaces what is there.
    mode: record.version === versionBeforeLockstep ? 'copy' : mode,
    kind: 'replace',
    key: record.key,
    image: record.image,
    version: record.version,
    operationId: null,
    status: 'completed',
    sharedVersions: record.image && guards.size > 0 ? sharedVersionsOf(record.image) : [],
  }));
}

async function sharedGuards(
  context: Pick<ActivityContext, 'stores'>,
  entity: Entity,
  records: readonly StoredRecord[],
  route: WriteRoute,
): Promise<Map<string, SharedRecordVersion>> {
  if (!holdsShared(entity.fields)) return new Map();
  const wanted = new Map<string, { name: string; key: Key }>();
  for (const record of records) {
    if (!record.image) continue;
    for (const { name, key } of sharedRecords(entity.fields, record.image)) {
      wanted.set(recordIdentity(name, key), { name, key });
    }
  }
  if (wanted.size === 0) return new Map();
  const guards = await context.stores[route.primary].guards([...wanted.values()]);
  return new Map(guards.map((guard) => [recordIdentity(guard.name, guard.key), guard]));
}

function convergedOf(record: StoredRecord, outcome: Outcome, refusedBy: string): ConvergeResult {
  switch (outcome.status) {
    case 'applied':
      return { status: 'converged', version: outcome.version, changed: true };
    case 'superseded':
      return { status: 'converged', version: record.version, changed: false };
    case 'fenced':
      return { status: 'fenced' };
    case 'failed': {
      const { failure } = outcome;
      const message = `${refusedBy}: ${failure.message}`;
      const details = refusalDetails(failure);
      return isConflict(failure)
        ? { status: 'conflict', code: failure.code, message, details }
        : { status: 'refused', message, details };
    }
    default:
      throw new TypeError(`a secondary write was answered with ${outcome.status}`);
  }
}
