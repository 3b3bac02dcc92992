import { Context } from '@temporalio/activity';
import type { Chunk } from '../../databases/contract/backfill.ts';
import type { Difference } from '../../databases/contract/comparison.ts';
import { currentState } from '../../databases/contract/current-state.ts';
import { rangesFor } from '../../model/backfill-ranges.ts';
import { keyText } from '../../model/canonical.ts';
import { LockstepError } from '../../model/failure.ts';
import { entityNamed } from '../../model/migration.ts';
import { routeOf } from '../../model/operation.ts';
import type { ActivityContext } from '../context.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { convergeInParts } from '../write/converge.ts';
import type { LiveLatency } from '../write/live-latency.ts';
import { type CirclePosition, type CircleSlice, createCircleCopier } from './copy-circles.ts';
import { type BulkRoute, createRangeCopier } from './copy-range.ts';
import { createWaitingCopier, type WaitingPosition, type WaitingSlice } from './copy-waiting.ts';
import { assertTablesUnchanged, type Fingerprints, fingerprintsOf } from './fingerprints.ts';
import { Throttle } from './throttle.ts';

/** Where a range stands. */
export interface RangeProgress {
  readonly range: number;
  readonly done: boolean;
  readonly copied: number;
  readonly skipped: number;
  readonly refused: number;
  readonly bytes: number;
}

/** What a slice of a range has come to. */
export interface RangeSlice {
  readonly progress: RangeProgress;
  readonly throttledMs: number;
}

/** The same of pages that waited, with all ranges of their entity as they stand then. */
export interface WaitingResult extends WaitingSlice {
  readonly ranges: readonly RangeProgress[];
}

export interface RangePlan {
  /** Keys, or about as many. */
  readonly total: number;
  readonly fingerprints: Fingerprints;
  readonly ranges: readonly RangeProgress[];
  /** Entities whose rows this one's refer to: they are copied before it. */
  readonly parents: readonly string[];
}

const keysPerCatchUp = 200;

export function createBackfillActivities(context: ActivityContext, latency: LiveLatency) {
  const { migration, stores } = context;
  const throttle = new Throttle(latency, migration.policy.backfillSlowdown);
  const copier = createRangeCopier(context, throttle);
  const { copyWaiting: copyWaitingPages } = createWaitingCopier(context, throttle);
  const { copyCircles: copyCirclesOf } = createCircleCopier(context, throttle);

  async function bulkRoute(): Promise<BulkRoute> {
    const state = await currentState(context);
    const route = routeOf(state);
    if (!state.open) throw new LockstepError('Fenced', `the primary of ${migration.name} is being changed`);
    if (!route.secondary) {
      throw new LockstepError(
        'GateRefused',
        `migration ${migration.name} is in phase ${state.phase}, in which nothing is copied`,
        { gate: 'phase', measured: { phase: state.phase } },
      );
    }
    return { ...route, secondary: route.secondary };
  }

  /** Cuts the keys into ranges, once: the ranges and their cursors stay in the target's control table. */
  async function planBackfill(request: { entity: string }): Promise<RangePlan> {
    const entity = entityNamed(migration, request.entity);
    const route = await bulkRoute();
    const source = stores[route.primary];
    const target = stores[route.secondary];
    const fingerprints = await fingerprintsOf(stores, entity);
    const total = await withHeartbeat(() => source.estimateKeys(entity));
    if ((await target.chunks(migration.name, entity.name)).length === 0) {
      const bounds = await withHeartbeat(() => source.boundaries(entity, rangesFor(total, migration.policy)));
      await target.planChunks(migration.name, entity.name, bounds);
    }
    const chunks = await target.chunks(migration.name, entity.name);
    const parents = await target.parentEntities(entity);
    return { total, fingerprints, ranges: chunks.map(progressOf), parents };
  }

  /** Deletes checkpoints, so that every key is read again; `entities` null is all of them. */
  async function resetCheckpoints(request: { entities: readonly string[] | null }): Promise<void> {
    const route = await bulkRoute();
    await stores[route.secondary].clearChunks(migration.name, request.entities);
  }

  /** Copies chunks of a range for about `sliceMs`, from its checkpoint on. `keysPerSecond` null is unlimited. */
  async function copyRange(request: {
    entity: string;
    range: number;
    fingerprints: Fingerprints;
    keysPerSecond: number | null;
    sliceMs: number;
  }): Promise<RangeSlice> {
    const entity = entityNamed(migration, request.entity);
    const check = async () =>
      assertTablesUnchanged(entity, request.fingerprints, await fingerprintsOf(stores, entity));
    const route = await bulkRoute();
    const order = { ...request, entity, check };
    try {
      const { chunk, throttledMs } = await withHeartbeat(() => copier.copyByPages(order, route));
      return { progress: progressOf(chunk), throttledMs };
    } catch (error) {
      // A table that was altered may fit its entity no longer: what was altered says more than what does not fit.
      if (error instanceof LockstepError && error.code === 'InvalidDefinition') await check();
      throw error;
    }
  }

  /**
   * Reads what waits for its parents again, for about `sliceMs` from `after` on. With `isLast`, what lacks them still is refused.
   */
  async function copyWaiting(request: {
    entity: string;
    fingerprints: Fingerprints;
    backwards: boolean;
    isLast: boolean;
    keysPerSecond: number | null;
    after: WaitingPosition | null;
    sliceMs: number;
  }): Promise<WaitingResult> {
    const entity = entityNamed(migration, request.entity);
    const check = async () =>
      assertTablesUnchanged(entity, request.fingerprints, await fingerprintsOf(stores, entity));
    const route = await bulkRoute();
    const slice = await withHeartbeat(() => copyWaitingPages({ ...request, entity, check }, route));
    const chunks = await stores[route.secondary].chunks(migration.name, entity.name);
    return { ...slice, ranges: chunks.map(progressOf) };
  }

  /** Copies what waits for one another in a circle, for about `sliceMs` from `after` on. */
  async function copyCircles(request: {
    entity: string;
    keysPerSecond: number | null;
    after: CirclePosition | null;
    sliceMs: number;
  }): Promise<CircleSlice> {
    const entity = entityNamed(migration, request.entity);
    const route = await bulkRoute();
    return await withHeartbeat(() => copyCirclesOf({ ...request, entity }, route));
  }

  /**
   * After the rows, the records: what was written or deleted through Lockstep before the secondary took part (or while a
   * flag kept it out) is converged. Gives the key text to go on from, null at the end.
   */
  async function catchUp(request: { entity: string; after: string | null }): Promise<{
    after: string | null;
    changed: number;
    refused: number;
  }> {
    const entity = entityNamed(migration, request.entity);
    const route = await bulkRoute();
    let { after } = request;
    let changed = 0;
    let refused = 0;
    for (let page = 0; page < 50; page++) {
      const { keys, last } = await stores[route.primary].recorded(entity, { after, limit: keysPerCatchUp });
      if (keys.length > 0) {
        const results = await withHeartbeat(() => convergeInParts(context, entity, keys, route));
        if (results.some((result) => result.status === 'fenced')) {
          throw new LockstepError(
            'Fenced',
            `the route of ${migration.name} changed while ${entity.name} was caught up`,
          );
        }
        const found: Difference[] = results.flatMap((result, index) => {
          const key = keys[index];
          if (!key || result.status === 'converged' || result.status === 'fenced') return [];
          return [{ entity: entity.name, key, verdict: 'refused', reason: result.message }];
        });
        await stores[route.secondary].recordDifferences(migration.name, found);
        changed += results.filter((result) => result.status === 'converged' && result.changed).length;
        refused += found.length;
      }
      Context.current().heartbeat({ changed });
      if (last === null || keys.length < keysPerCatchUp) return { after: null, changed, refused };
      after = last;
    }
    return { after, changed, refused };
  }

  /**
   * Tries again what the target has refused, and closes the differences of what is in by now: a row may have come since that
   * it refers to. Gives how many came in.
   */
  async function retryRefused(request: { entity: string }): Promise<number> {
    const entity = entityNamed(migration, request.entity);
    const route = await bulkRoute();
    const target = stores[route.secondary];
    let arrived = 0;
    let after: string | null = null;
    do {
      const page = { verdicts: ['refused' as const], after, limit: keysPerCatchUp };
      const found: Difference[] = await target.unresolvedDifferences(migration.name, entity.name, page);
      const keys = found.map(({ key }) => key);
      if (keys.length > 0) {
        const tried = await withHeartbeat(() => convergeInParts(context, entity, keys, route));
        const done = keys.filter((_, index) => tried[index]?.status === 'converged');
        await target.resolveDifferences(migration.name, entity.name, done);
        arrived += tried.filter((result) => result.status === 'converged' && result.changed).length;
      }
      const last = keys.length < keysPerCatchUp ? undefined : keys.at(-1);
      after = last ? keyText(last) : null;
    } while (after !== null);
    return arrived;
  }

  async function primeSequences(request: { entity: string }): Promise<void> {
    const route = await bulkRoute();
    const entity = entityNamed(migration, request.entity);
    await withHeartbeat(() => stores[route.secondary].primeSequences(entity));
  }

  return {
    planBackfill,
    resetCheckpoints,
    copyRange,
    copyWaiting,
    copyCircles,
    catchUp,
    retryRefused,
    primeSequences,
  };
}

function progressOf(chunk: Chunk): RangeProgress {
  const { range, done, copied, skipped, refused, bytes } = chunk;
  return { range, done, copied, skipped, refused, bytes };
}
