import { Context } from '@temporalio/activity';
import type { Difference } from '../../databases/contract/comparison.ts';
import { currentState } from '../../databases/contract/current-state.ts';
import { setBackStores } from '../../databases/contract/set-back.ts';
import { isCorruptKey, type Key, keyFromText, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import { entityNamed } from '../../model/migration.ts';
import { routeOf, type WriteRoute } from '../../model/operation.ts';
import { otherStore, routes } from '../../model/phase.ts';
import type { ActivityContext } from '../context.ts';
import { withHeartbeat } from '../heartbeat.ts';
import type { KeyFinding } from './classify-difference.ts';
import { createDifferenceConfirmer } from './confirm-differences.ts';
import { createDifferenceRecheck } from './recheck-differences.ts';
import { createKeyScanner, type Position } from './scan-keys.ts';

export type { Position } from './scan-keys.ts';

/** What a stretch of a comparison found. */
export interface ComparisonSlice {
  readonly compared: number;
  readonly differences: number;
  /** Those of them whose newer version is in the secondary. */
  readonly ahead: number;
  readonly ambiguous: number;
  readonly inFlight: number;
  /** Whether every key of both stores was compared. */
  readonly whole: boolean;
  /** Where a full comparison goes on; null at the end. */
  readonly next: Position | null;
}

/** So many differing keys are looked at and recorded before the comparison goes on. */
const maxSuspects = 2_000;

/** The one comparer, for validations and reconciliations alike. */
export function createComparisonActivities(context: ActivityContext) {
  const { migration, stores } = context;
  const { scan, stageAfter } = createKeyScanner(context);
  const { confirm } = createDifferenceConfirmer(context);
  const { recheck, refusedOf } = createDifferenceRecheck(context);

  async function comparisonRoute(): Promise<WriteRoute> {
    const route = routeOf(await currentState(context));
    return { ...route, secondary: otherStore(route.primary) };
  }

  /** Why a comparison would say nothing now; null where it would. A store that stands alone and was set back may take back. */
  async function notComparableReason(request: { from: StoreName | null }): Promise<string | null> {
    const { phase } = await currentState(context);
    if (routes[phase].secondary !== null) return null;
    if (request.from !== null && (await setBackStores(context)).length > 0) return null;
    return `in ${phase} only one store receives writes`;
  }

  /** Starts a comparison: what was found earlier stays only where it is still so. */
  async function recheckDifferences(request: { entity: string }): Promise<void> {
    const entity = entityNamed(migration, request.entity);
    const route = await comparisonRoute();
    await withHeartbeat(() => recheck(entity, route));
  }

  /** Compares uniform samples of the keys of both stores. */
  async function compareSample(request: {
    entity: string;
    count: number;
    seed: number;
  }): Promise<ComparisonSlice> {
    const entity = entityNamed(migration, request.entity);
    const route = await comparisonRoute();
    return await withHeartbeat(async () => {
      const samples = await Promise.all(
        [stores.legacy, stores.modern].map((store) => store.sample(entity, request.count, request.seed)),
      );
      const keys = [...new Map(samples.flat().map((key) => [keyText(key), key])).values()];
      const whole = samples.every((sample) => sample.length < request.count);
      // Each store is proved by its own sample: a key that only the other one's has says nothing of it.
      const compared = whole ? keys.length : Math.min(keys.length, request.count);
      return { ...(await confirmAndRecord(entity, keys, route)), compared, whole };
    });
  }

  /** Compares everything, for about `sliceMs` from `from` on. */
  async function compareSlice(request: {
    entity: string;
    from: Position;
    sliceMs: number;
  }): Promise<ComparisonSlice> {
    const entity = entityNamed(migration, request.entity);
    const route = await comparisonRoute();
    const until = Date.now() + request.sliceMs;
    const timeIsUp = () => Date.now() >= until || Context.current().cancellationSignal.aborted;
    return await withHeartbeat(async () => {
      let total = emptySlice;
      let position: Position | null = request.from;
      do {
        const stage: Position['stage'] = position.stage;
        const shouldStop = (suspects: number) => timeIsUp() || suspects >= maxSuspects;
        const { compared, suspects, done, next } = await scan(entity, position, route, shouldStop);
        const after = await stageAfter(entity, stage, route);
        // The stage of the records alone tells versions, and texts that are no keys, so that no key counts twice.
        const counts = ({ key, versionOnly }: KeyFinding) =>
          (stage === 'records') === (versionOnly || isCorruptKey(key));
        const found = await confirmAndRecord(entity, suspects.map(keyFromText), route, counts);
        total = sum(total, { ...found, compared });
        if (!done) position = { stage, after: next };
        else position = after === null ? null : { stage: after, after: null };
      } while (position && !timeIsUp());
      return { ...total, whole: position === null, next: position };
    });
  }

  /** Confirms what looks unequal, and writes it down. */
  async function confirmAndRecord(
    entity: Entity,
    keys: readonly Key[],
    route: WriteRoute,
    counts?: (finding: KeyFinding) => boolean,
  ): Promise<ComparisonSlice> {
    const { differing, ambiguous, inFlight } = await confirm(entity, keys, route, counts);
    const found = [...differing, ...ambiguous];
    const refused = await refusedOf(
      entity,
      found.map(({ key }) => key),
      route,
    );
    // Why a store refused the row says more than that it is not there.
    const news = found.filter(({ key, verdict }) => verdict === 'ahead' || !refused.has(keyText(key)));
    await stores[route.primary].recordDifferences(migration.name, news.map(differenceOf(entity)));
    count(entity, differing);
    return {
      compared: 0,
      differences: differing.length,
      ahead: differing.filter(({ verdict }) => verdict === 'ahead').length,
      ambiguous: ambiguous.length,
      inFlight: inFlight.length,
      whole: false,
      next: null,
    };
  }

  function count(entity: Entity, differing: readonly KeyFinding[]): void {
    const missing = differing.filter(({ verdict }) => verdict === 'missing').length;
    const tags = { migration: migration.name, entity: entity.name };
    const { metricMeter } = Context.current();
    metricMeter.createCounter('reconciliation_missing_record').add(missing, tags);
    metricMeter.createCounter('reconciliation_data_mismatch').add(differing.length - missing, tags);
  }

  return { notComparableReason, recheckDifferences, compareSample, compareSlice };
}

const emptySlice: ComparisonSlice = {
  compared: 0,
  differences: 0,
  ahead: 0,
  ambiguous: 0,
  inFlight: 0,
  whole: false,
  next: null,
};

function sum(left: ComparisonSlice, right: ComparisonSlice): ComparisonSlice {
  return {
    compared: left.compared + right.compared,
    differences: left.differences + right.differences,
    ahead: left.ahead + right.ahead,
    ambiguous: left.ambiguous + right.ambiguous,
    inFlight: left.inFlight + right.inFlight,
    whole: false,
    next: null,
  };
}

function differenceOf(entity: Entity) {
  return ({ key, verdict, reason }: KeyFinding): Difference => ({
    entity: entity.name,
    key,
    verdict: verdict ?? 'mismatch',
    reason,
  });
}
