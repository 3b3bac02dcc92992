import { Context } from '@temporalio/activity';
import type { Difference, Verdict } from '../../databases/contract/comparison.ts';
import { currentState } from '../../databases/contract/current-state.ts';
import { type Key, keyFromText, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { entityNamed } from '../../model/migration.ts';
import { routeOf, type WriteRoute } from '../../model/operation.ts';
import { otherStore, routes } from '../../model/phase.ts';
import type { ActivityContext } from '../context.ts';
import { beating } from '../heartbeat.ts';
import type { Finding } from './classify-difference.ts';
import { secondLooks } from './confirm-differences.ts';
import { type Position, scanning } from './scan.ts';

export type { Position } from './scan.ts';

/** What a stretch of a comparison found. */
export interface Compared {
  readonly compared: number;
  readonly differences: number;
  readonly ambiguous: number;
  readonly inFlight: number;
  /** Where a full comparison goes on; null at the end. */
  readonly next: Position | null;
}

/** So many differing keys are looked at and recorded before the comparison goes on. */
const mostSuspects = 2_000;
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
export function compareActivities(context: ActivityContext) {
  const { migration, stores } = context;
  const { scan, stageAfter } = scanning(context);
  const { confirm } = secondLooks(context);

  async function comparisonRoute(): Promise<WriteRoute> {
    const route = routeOf(await currentState(context));
    return { ...route, secondary: otherStore(route.primary) };
  }

  /** Why a comparison would say nothing now; null where it would. */
  async function whyNotComparable(): Promise<string | null> {
    const { phase } = await currentState(context);
    return routes[phase].secondary === null ? `in ${phase} only one store receives writes` : null;
  }

  /** Starts a comparison: earlier findings are about another moment. */
  async function forgetDifferences(request: { entity: string }): Promise<void> {
    const route = await comparisonRoute();
    await stores[route.primary].clearDifferences(migration.name, request.entity, verdicts);
  }

  /** Compares a uniform sample of the keys of either store. */
  async function compareSample(request: { entity: string; count: number; seed: number }): Promise<Compared> {
    const entity = entityNamed(migration, request.entity);
    const route = await comparisonRoute();
    return await beating(async () => {
      const samples = await Promise.all(
        [stores.legacy, stores.modern].map((store) => store.sample(entity, request.count, request.seed)),
      );
      const keys = [...new Map(samples.flat().map((key) => [keyText(key), key])).values()];
      return { ...(await recorded(entity, keys, route)), compared: keys.length };
    });
  }

  /** Compares everything, for about `sliceMs` from `from` on. */
  async function compareSlice(request: {
    entity: string;
    from: Position;
    sliceMs: number;
  }): Promise<Compared> {
    const entity = entityNamed(migration, request.entity);
    const route = await comparisonRoute();
    const until = Date.now() + request.sliceMs;
    const timeIsUp = () => Date.now() >= until || Context.current().cancellationSignal.aborted;
    return await beating(async () => {
      let total = nothing;
      let position: Position | null = request.from;
      do {
        const stage: Position['stage'] = position.stage;
        const isOver = (suspects: number) => timeIsUp() || suspects >= mostSuspects;
        const { compared, suspects, done, next } = await scan(entity, position, route, isOver);
        const after = await stageAfter(entity, stage, route);
        // Where records are a stage of their own, it alone tells versions, so that no key counts twice.
        const counts = ({ versionOnly }: Finding) =>
          (stage === 'records') === versionOnly || (stage === 'rows' && after !== 'records');
        const found = await recorded(entity, suspects.map(keyFromText), route, counts);
        total = sum(total, { ...found, compared });
        if (!done) position = { stage, after: next };
        else position = after === null ? null : { stage: after, after: null };
      } while (position && !timeIsUp());
      return { ...total, next: position };
    });
  }

  /** Confirms what looks unequal, and writes it down. */
  async function recorded(
    entity: Entity,
    keys: readonly Key[],
    route: WriteRoute,
    counts?: (finding: Finding) => boolean,
  ): Promise<Compared> {
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

  function count(entity: Entity, differing: readonly Finding[]): void {
    const missing = differing.filter(({ verdict }) => verdict === 'missing').length;
    const tags = { migration: migration.name, entity: entity.name };
    const { metricMeter } = Context.current();
    metricMeter.createCounter('reconciliation_missing_record').add(missing, tags);
    metricMeter.createCounter('reconciliation_data_mismatch').add(differing.length - missing, tags);
  }

  return { whyNotComparable, forgetDifferences, compareSample, compareSlice };
}

const nothing: Compared = { compared: 0, differences: 0, ambiguous: 0, inFlight: 0, next: null };

function sum(left: Compared, right: Compared): Compared {
  return {
    compared: left.compared + right.compared,
    differences: left.differences + right.differences,
    ambiguous: left.ambiguous + right.ambiguous,
    inFlight: left.inFlight + right.inFlight,
    next: null,
  };
}

function differenceOf(entity: Entity) {
  return ({ key, verdict, reason }: Finding): Difference => ({
    entity: entity.name,
    key,
    verdict: verdict ?? 'mismatch',
    reason,
  });
}
