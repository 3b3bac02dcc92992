import type { Verdict } from '../../databases/contract/comparison.ts';
import { currentState } from '../../databases/contract/current-state.ts';
import { readOne } from '../../databases/contract/read-one.ts';
import type { Store } from '../../databases/contract/store.ts';
import type { StoredRecord } from '../../databases/contract/write.ts';
import { keyText } from '../../model/canonical.ts';
import { digestOf } from '../../model/digest.ts';
import type { Entity } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import { ownImage } from '../../model/field.ts';
import { entityNamed } from '../../model/migration.ts';
import { type Operation, routeOf, type WriteRoute } from '../../model/operation.ts';
import { isNewer, versionBeforeLockstep } from '../../model/version.ts';
import { differingFields, pendingKeys } from '../comparison/differing-fields.ts';
import type { ActivityContext } from '../context.ts';
import { writeMetrics } from '../metrics.ts';
import { convergeKeys } from './converge.ts';
import { restore } from './restore.ts';

/** What reading a write back some time after it found. */
export interface PostWriteValidation {
  /** `intact`: each row is what its record says, and both say the same. `in-flight`: a newer write is between the stores. */
  readonly verdict: 'intact' | 'in-flight' | Verdict;
  /** Whose row is wrong; null where neither can be told from the other, or nothing is. */
  readonly store: StoreName | null;
  /** Stores, fields and codes, never values. */
  readonly reason: string;
  readonly repaired: boolean;
}

/** A row that is not what the record beside it says. */
interface AlteredRow {
  readonly store: StoreName;
  readonly verdict: Verdict;
  readonly reason: string;
}

const maxReads = 3;

export function createPostWriteValidationActivities(context: ActivityContext) {
  const { migration, stores, clock, wait } = context;
  const metrics = writeMetrics(context);

  /**
   * Reads a record back from both stores. Each row is held against the digest that its own store recorded, so that the store
   * which was altered can be named, then both are held against each other.
   */
  async function validateWrite(request: {
    operation: Pick<Operation, 'id' | 'entity' | 'key'>;
  }): Promise<PostWriteValidation> {
    const found = await readBack(request.operation);
    metrics.readBack(request.operation.entity, found);
    return found;
  }

  /** A difference is recorded, and repaired where that is safe and asked for. */
  async function readBack(operation: Pick<Operation, 'id' | 'entity' | 'key'>): Promise<PostWriteValidation> {
    const entity = entityNamed(migration, operation.entity);
    const route = routeOf(await currentState(context));
    if (route.secondary === null) return intact;
    const [primary, secondary] = [stores[route.primary], stores[route.secondary]];
    const found = await readUntilStable(entity, operation, route, [primary, secondary]);
    if (found.verdict === 'intact' || found.verdict === 'in-flight') return found;
    await primary.recordDifferences(migration.name, [
      {
        entity: entity.name,
        key: operation.key,
        verdict: found.verdict,
        reason: found.repaired ? `${found.reason}; repaired under a newer version` : found.reason,
      },
    ]);
    return found;
  }

  async function readUntilStable(
    entity: Entity,
    operation: Pick<Operation, 'id' | 'key'>,
    route: WriteRoute,
    [primary, secondary]: readonly [Store, Store],
  ): Promise<PostWriteValidation> {
    for (let read = 1; ; read++) {
      const [left, right] = [
        await readOne(primary, entity, operation.key),
        await readOne(secondary, entity, operation.key),
      ];
      const altered = [
        alteredIn(entity, primary.name, left),
        alteredIn(entity, secondary.name, right),
      ].filter((found) => found !== null);
      if (altered.length > 0 && !(await isTentative(entity, operation, secondary)))
        return await classifyAltered(entity, operation, route, altered, [left, right]);
      if (altered.length === 0 && left.version === right.version) {
        if (left.digest === right.digest) return intact;
        return {
          verdict: 'mismatch',
          store: null,
          reason: 'equal versions have different digests',
          repaired: false,
        };
      }
      if (read === maxReads) {
        const pending = await pendingKeys(context, entity, route);
        if (pending.has(keyText(operation.key))) return { ...intact, verdict: 'in-flight' };
        const older = isNewer(left.version, right.version) ? secondary : primary;
        return {
          verdict: older === secondary ? 'stale' : 'ahead',
          store: older.name,
          reason: `the ${older.name} store has an older version`,
          repaired: false,
        };
      }
      await wait(migration.policy.recheckDelayMs);
    }
  }

  /** Another write's rows are in the secondary, and the primary has not decided about it. */
  async function isTentative(
    entity: Entity,
    { key }: Pick<Operation, 'key'>,
    secondary: Store,
  ): Promise<boolean> {
    if (entity.pattern !== 'parallel') return false;
    const open = await secondary.journal({
      migration: migration.name,
      statuses: ['tentative'],
      record: { entity: entity.name, key },
      limit: 1,
    });
    return open.length > 0;
  }

  async function classifyAltered(
    entity: Entity,
    operation: Pick<Operation, 'id' | 'key'>,
    route: WriteRoute,
    altered: readonly AlteredRow[],
    [left, right]: readonly [StoredRecord, StoredRecord],
  ): Promise<PostWriteValidation> {
    const [first, second] = altered;
    if (!first) throw new TypeError('nothing was altered');
    if (second) {
      const reason = `${first.reason}; ${second.reason}`;
      return { verdict: first.verdict, store: null, reason, repaired: false };
    }
    const { store, verdict } = first;
    const fields =
      left.image && right.image && left.version === right.version
        ? ` (fields ${differingFields(entity, left.image, right.image).join(', ')})`
        : '';
    const repaired =
      migration.policy.validateRepair &&
      left.version === right.version &&
      (await repair(entity, operation, route, store === route.primary ? right : left));
    return { verdict, store, reason: `${first.reason}${fields}`, repaired };
  }

  /** The row that is as its record says is written again under a newer version, which both stores then have. */
  async function repair(
    entity: Entity,
    { id, key }: Pick<Operation, 'id' | 'key'>,
    route: WriteRoute,
    sound: StoredRecord,
  ): Promise<boolean> {
    const operationId = `${id}:repair:${sound.version}`;
    const wanted = {
      key,
      image: sound.image,
      readVersion: sound.version,
      version: clock.next(),
      operationId,
    };
    const restored = await restore(context, entity, wanted, route);
    if (restored.status !== 'applied' && restored.status !== 'known') return false;
    const [converged] = await convergeKeys(context, entity, [key], route);
    return converged?.status === 'converged';
  }

  return { validateWrite };
}

const intact: PostWriteValidation = { verdict: 'intact', store: null, reason: '', repaired: false };

function alteredIn(entity: Entity, store: StoreName, stored: StoredRecord): AlteredRow | null {
  const altered = (verdict: Verdict, why: string) => ({
    store,
    verdict,
    reason: `the ${store} store's row ${why}`,
  });
  if (stored.unreadable !== null) return altered('unreadable', `cannot be read: ${stored.unreadable}`);
  if (stored.version === versionBeforeLockstep) return null;
  if (stored.image === null) return stored.deleted ? null : altered('missing', 'is gone');
  if (stored.deleted) return altered('extra', 'is there, although its record says that it was deleted');
  if (stored.digest === null || stored.digest === digestOf(ownImage(entity.fields, stored.image)))
    return null;
  return altered('mismatch', 'is not what the digest of its version says');
}
