import { Context } from '@temporalio/activity';
import type { Difference, Verdict } from '../../databases/contract/comparison.ts';
import { currentState } from '../../databases/contract/current-state.ts';
import { type Key, keyFromText, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { entityNamed } from '../../model/migration.ts';
import { routeOf, type WriteRoute } from '../../model/operation.ts';
import { otherStore, routes } from '../../model/phase.ts';
import type { ActivityContext } from '../context.ts';
import { withHeartbeat } from '../heartbeat.ts';
import type { KeyComparison } from './classify-difference.ts';
import { createDifferenceConfirmer } from './confirm-differences.ts';
import { createKeyScanner, type Position } from './scan-keys.ts';

export type { Position } from './scan-keys.ts';

/** What a stretch of a comparison found. */
export interface ComparisonSlice {
  readonly compared: number;
  readonly differences: number;
  readonly ambiguous: number;
  readonly inFlight: number;
  /** Where a full comparison goes on; null at the end. */
  readonly next: Position | null;
}

/** So many differing keys are looked at and recorded before the comparison goes on. */
const maxSuspects = 2_000;
const verdicts: readonly Verdict[] = [
  'missing',
  'mismatch',
  'extra',
  'stale',
  'ambiguous',
  'unreadable',
  'refused',
];

/** The one comparer, for validations and reconciliations alike. */
export function createComparisonActivities(context: ActivityContext) {
  const { migration, stores } = context;
  const { scan, stageAfter } = createKeyScanner(context);
  const { confirm } = createDifferenceConfirmer(context);

  async function comparisonRoute(): Promise<WriteRoute> {
    const route = routeOf(await currentState(context));
    return { ...route, secondary: otherStore(route.primary) };
  }

  /** Why a comparison would say nothing now; null where it would. */
  async function notComparableReason(): Promise<string | null> {
    const { phase } = await currentState(context);
    return routes[phase].secondary === null ? `in ${phase} only one store receives writes` : null;
  }

  /** Starts a comparison: earlier findings are about another moment. */
  async function clearDifferences(request: { entity: string }): Promise<void> {
    const route = await comparisonRoute();
    await stores[route.primary].clearDifferences(migration.name, request.entity, verdicts);
  }

  /** Compares a uniform sample of the keys of either store. */
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
      return { ...(await confirmAndRecord(entity, keys, route)), compared: keys.length };
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
        // Where records are a stage of their own, it alone tells versions, so that no key counts twice.
        const counts = ({ versionOnly }: KeyComparison) =>
          (stage === 'records') === versionOnly || (stage === 'rows' && after !== 'records');
        const found = await confirmAndRecord(entity, suspects.map(keyFromText), route, counts);
        total = sum(total, { ...found, compared });
        if (!done) position = { stage, after: next };
        else position = after === null ? null : { stage: after, after: null };
      } while (position && !timeIsUp());
      return { ...total, next: position };
    });
  }

  /** Confirms what looks unequal, and writes it down. */
  async function confirmAndRecord(
    entity: Entity,
    keys: readonly Key[],
    route: WriteRoute,
    counts?: (finding: KeyComparison) => boolean,
  ): Promise<ComparisonSlice> {
    const { differing, ambiguous, inFlight } = await confirm(entity, keys, route, counts);
    const found = [...differing, ...ambiguous];
    await stores[route.primary].recordDifferences(migration.name, found.map(differenceOf(entity)));
    count(entity, differing);
    return {
      compared: 0,
      differences: differing.length,
      ambiguous: ambiguous.length,
      inFlight,
      next: null,
    };
  }

  function count(entity: Entity, differing: readonly KeyComparison[]): void {
    const missing = differing.filter(({ verdict }) => verdict === 'missing').length;
    const tags = { migration: migration.name, entity: entity.name };
    const { metricMeter } = Context.current();
    metricMeter.createCounter('reconciliation_missing_record').add(missing, tags);
    metricMeter.createCounter('reconciliation_data_mismatch').add(differing.length - missing, tags);
  }

  return { notComparableReason, clearDifferences, compareSample, compareSlice };
}

const emptySlice: ComparisonSlice = { compared: 0, differences: 0, ambiguous: 0, inFlight: 0, next: null };

function sum(left: ComparisonSlice, right: ComparisonSlice): ComparisonSlice {
  return {
    compared: left.compared + right.compared,
    differences: left.differences + right.differences,
    ambiguous: left.ambiguous + right.ambiguous,
    inFlight: left.inFlight + right.inFlight,
    next: null,
  };
}

function differenceOf(entity: Entity) {
  return ({ key, verdict, reason }: KeyComparison): Difference => ({
    entity: entity.name,
    key,
    verdict: verdict ?? 'mismatch',
    reason,
  });
}
