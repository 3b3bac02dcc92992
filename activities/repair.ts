import { Context } from '@temporalio/activity';
import { currentState } from '../databases/state.ts';
import type { Verdict } from '../databases/store.ts';
import { type Key, keyText } from '../model/canonical.ts';
import type { Entity } from '../model/entity.ts';
import { LockstepError } from '../model/failure.ts';
import { entityNamed } from '../model/migration.ts';
import { routeOf } from '../model/operation.ts';
import type { ActivityContext } from './context.ts';
import { type Converged, convergeKeys, type PairedRoute } from './converge.ts';
import { beating } from './heartbeat.ts';
import { type Finding, judgement } from './judgement.ts';
import { raising } from './raise.ts';

/** What a page of a repair came to. */
export interface Repaired {
  readonly repaired: number;
  /** Differences that stay, with the reason beside them. */
  readonly left: number;
  /** The text of the last key; null at the end. */
  readonly after: string | null;
}

/** What can be repaired: an unreadable row or ambiguous copies need a person. */
const repairable: readonly Verdict[] = ['missing', 'mismatch', 'extra', 'stale', 'refused'];
const keysPerPage = 200;

export function repairActivities(context: ActivityContext) {
  const { migration, stores } = context;
  const { lookAt } = judgement(context);
  const { raise } = raising(context);

  /**
   * Goes through the differences that a comparison wrote down, a page at a time, and brings the secondary to what the primary
   * has. Repeating it is harmless: each key is looked at before and after.
   */
  async function repairDifferences(request: { entity: string; after: string | null }): Promise<Repaired> {
    const entity = entityNamed(migration, request.entity);
    const route = await repairRoute();
    return await beating(async () => {
      const found = await stores[route.primary].openDifferences(migration.name, entity.name, {
        verdicts: repairable,
        after: request.after,
        limit: keysPerPage,
      });
      const keys = found.map((difference) => difference.key);
      const open = await repair(entity, keys, route);
      const stays = new Set(open.map(({ finding }) => keyText(finding.key)));
      await stores[route.primary].recordDifferences(
        migration.name,
        open.map(({ finding, why }) => ({
          entity: entity.name,
          key: finding.key,
          verdict: why === null ? (finding.verdict ?? 'mismatch') : 'refused',
          reason: why ?? finding.reason,
        })),
      );
      const closed = keys.filter((key) => !stays.has(keyText(key)));
      await stores[route.primary].closeDifferences(migration.name, entity.name, closed);
      const last = keys.length < keysPerPage ? undefined : keys.at(-1);
      return { repaired: closed.length, left: open.length, after: last ? keyText(last) : null };
    });
  }

  /** Gives what still differs, with the refusal where there was one. */
  async function repair(entity: Entity, keys: readonly Key[], route: PairedRoute): Promise<Open[]> {
    // First what versions decide by themselves: a write or delete that the secondary has not seen.
    let open = await attempt(entity, await differing(entity, keys, route), route);
    // Then what was changed behind equal versions: the primary's rows stand, under a version that is new to both.
    const raised: Finding[] = [];
    for (const { finding, why } of open) {
      if (why === null && (await raise(entity, finding, route)) === 'raised') raised.push(finding);
    }
    const others = open.filter(({ finding }) => !raised.includes(finding));
    open = await attempt(entity, raised, route);
    return [...others, ...open];
  }

  async function attempt(entity: Entity, findings: readonly Finding[], route: PairedRoute): Promise<Open[]> {
    if (findings.length === 0) return [];
    const keys = findings.map((finding) => finding.key);
    const results = await convergeKeys(context, entity, keys, route);
    if (results.some((result) => result.status === 'fenced')) throw fenced();
    const refusals = new Map(keys.map((key, at) => [keyText(key), refusalOf(results[at])]));
    Context.current().heartbeat();
    return (await differing(entity, keys, route)).map((finding) => ({
      finding,
      why: refusals.get(keyText(finding.key)) ?? null,
    }));
  }

  async function differing(entity: Entity, keys: readonly Key[], route: PairedRoute): Promise<Finding[]> {
    if (keys.length === 0) return [];
    return (await lookAt(entity, keys, route)).filter(({ verdict }) => verdict !== null);
  }

  async function repairRoute(): Promise<PairedRoute> {
    const state = await currentState(context);
    const { secondary, ...route } = routeOf(state);
    if (!state.open) throw fenced();
    if (secondary !== null) return { ...route, secondary };
    throw new LockstepError(
      'InvalidRequest',
      `migration ${migration.name} is in phase ${state.phase}, in which only one store receives writes; there is nothing to repair`,
    );
  }

  function fenced(): LockstepError {
    return new LockstepError(
      'Fenced',
      `the route of ${migration.name} changed during a repair; it is tried again`,
    );
  }

  return { repairDifferences };
}

interface Open {
  readonly finding: Finding;
  readonly why: string | null;
}

function refusalOf(result: Converged | undefined): string | null {
  return result && 'message' in result ? result.message : null;
}
