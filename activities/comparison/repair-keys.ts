import { Context } from '@temporalio/activity';
import type { Verdict } from '../../databases/contract/comparison.ts';
import { type Key, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import type { ActivityContext } from '../context.ts';
import { inFittingParts } from '../fitting-parts.ts';
import { type ConvergeResult, convergeKeys, type PairedRoute } from '../write/converge.ts';
import { createVersionBumper } from './bump-version.ts';
import { createDifferenceClassifier, isAhead, type KeyComparison } from './classify-difference.ts';
import { createTakeBack, standsInSecondary } from './take-back.ts';

/** A key that differs after all that could be done. */
export interface Unrepaired {
  readonly key: Key;
  readonly verdict: Verdict;
}

/** A key that still differs, with the refusal where there was one. */
interface Open {
  readonly finding: KeyComparison;
  readonly verdict: Verdict;
  readonly why: string | null;
}

/** Makes the stores equal, key by key: the higher version wins, and a person says whose row stands where it cannot. */
export function createKeyRepair(context: Pick<ActivityContext, 'migration' | 'stores' | 'clock'>) {
  const { migration, stores } = context;
  const { compareKeys } = createDifferenceClassifier(context);
  const { bumpVersion } = createVersionBumper(context);
  const { takeBack } = createTakeBack(context);

  /**
   * Gives what still differs, once it is among the differences. Keys whose rows do not fit into memory together are repaired part
   * by part.
   *
   * @param from whose row stands by a person's word; null: the primary's, except where the secondary has a newer version
   */
  async function repair(
    entity: Entity,
    keys: readonly Key[],
    route: PairedRoute,
    from: StoreName | null,
  ): Promise<Unrepaired[]> {
    return await inFittingParts([stores.legacy, stores.modern], entity, keys, async (part) => {
      const left = await repairPart(entity, part, route, from);
      return left.map(({ finding: { key }, verdict }) => ({ key, verdict }));
    });
  }

  async function repairPart(
    entity: Entity,
    keys: readonly Key[],
    route: PairedRoute,
    from: StoreName | null,
  ): Promise<Open[]> {
    // First what versions decide by themselves: a write or delete that the secondary has not seen.
    const stale = await attempt(entity, await differing(entity, keys, route), route);
    const open = from === route.secondary ? await attemptTakeBack(entity, stale, route) : stale;
    // Then what was changed behind equal versions: the primary's rows stand, under a version that is new to both.
    const bumped: KeyComparison[] = [];
    for (const { finding, why } of open) {
      // What a shape does not hold, no version brings over.
      if (finding.verdict === 'lossy') continue;
      if (why !== null || (isAhead(finding) && from !== route.primary)) continue;
      if ((await bumpVersion(entity, finding, route)) === 'bumped') bumped.push(finding);
    }
    const others = open.filter(({ finding }) => !bumped.includes(finding));
    const left = [...others, ...(await attempt(entity, bumped, route))];
    await stores[route.primary].recordDifferences(
      migration.name,
      left.map(({ finding, verdict, why }) => ({
        entity: entity.name,
        key: finding.key,
        verdict,
        reason: why ?? finding.reason,
      })),
    );
    return left;
  }

  async function attemptTakeBack(entity: Entity, open: readonly Open[], route: PairedRoute): Promise<Open[]> {
    const taken = open.filter(({ finding, why }) => why === null && standsInSecondary(finding));
    const results = await takeBack(
      entity,
      taken.map(({ finding }) => finding),
      route,
    );
    if (results.some(({ outcome }) => outcome.status === 'fenced')) throw routeChanged(migration.name);
    const refusals = results.flatMap(({ finding, outcome }) =>
      outcome.status === 'failed'
        ? [
            {
              finding,
              verdict: 'refused' as const,
              why: `the ${route.primary} store refused: ${outcome.failure.message}`,
            },
          ]
        : [],
    );
    const done = results.filter(({ outcome }) => outcome.status !== 'failed').map(({ finding }) => finding);
    return [
      ...open.filter((one) => !taken.includes(one)),
      ...refusals,
      ...(await attempt(entity, done, route)),
    ];
  }

  async function attempt(
    entity: Entity,
    findings: readonly KeyComparison[],
    route: PairedRoute,
  ): Promise<Open[]> {
    if (findings.length === 0) return [];
    const keys = findings.map((finding) => finding.key);
    const results = await convergeKeys(context, entity, keys, route);
    if (results.some((result) => result.status === 'fenced')) throw routeChanged(migration.name);
    const refusals = new Map(keys.map((key, at) => [keyText(key), refusalOf(results[at])]));
    Context.current().heartbeat();
    return (await differing(entity, keys, route)).map((finding) => {
      const why = refusals.get(keyText(finding.key)) ?? null;
      return { finding, why, verdict: why === null ? (finding.verdict ?? 'mismatch') : 'refused' };
    });
  }

  async function differing(
    entity: Entity,
    keys: readonly Key[],
    route: PairedRoute,
  ): Promise<KeyComparison[]> {
    if (keys.length === 0) return [];
    return (await compareKeys(entity, keys, route)).filter(({ verdict }) => verdict !== null);
  }

  return { repair };
}

export function routeChanged(migration: string): LockstepError {
  return new LockstepError('Fenced', `the route of ${migration} changed during a repair; it is tried again`);
}

function refusalOf(result: ConvergeResult | undefined): string | null {
  return result && 'message' in result ? result.message : null;
}
