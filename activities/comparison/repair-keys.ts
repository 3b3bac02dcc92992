import { Context } from '@temporalio/activity';
import { type Key, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import type { ActivityContext } from '../context.ts';
import { type Converged, convergeKeys, type PairedRoute } from '../write/converge.ts';
import { raising } from './bump-version.ts';
import { type Finding, judgement } from './classify-difference.ts';

/** A key that differs after all that could be done, with the refusal where there was one. */
interface Open {
  readonly finding: Finding;
  readonly why: string | null;
}

/** Brings keys of the secondary to what the primary has, whatever their versions say. */
export function repairing(context: Pick<ActivityContext, 'migration' | 'stores' | 'clock'>) {
  const { migration, stores } = context;
  const { lookAt } = judgement(context);
  const { raise } = raising(context);

  /** Gives what still differs, once it is among the differences. */
  async function repair(entity: Entity, keys: readonly Key[], route: PairedRoute): Promise<Finding[]> {
    // First what versions decide by themselves: a write or delete that the secondary has not seen.
    let open = await attempt(entity, await differing(entity, keys, route), route);
    // Then what was changed behind equal versions: the primary's rows stand, under a version that is new to both.
    const raised: Finding[] = [];
    for (const { finding, why } of open) {
      if (why === null && (await raise(entity, finding, route)) === 'raised') raised.push(finding);
    }
    const others = open.filter(({ finding }) => !raised.includes(finding));
    open = [...others, ...(await attempt(entity, raised, route))];
    await stores[route.primary].recordDifferences(
      migration.name,
      open.map(({ finding, why }) => ({
        entity: entity.name,
        key: finding.key,
        verdict: why === null ? (finding.verdict ?? 'mismatch') : 'refused',
        reason: why ?? finding.reason,
      })),
    );
    return open.map(({ finding }) => finding);
  }

  async function attempt(entity: Entity, findings: readonly Finding[], route: PairedRoute): Promise<Open[]> {
    if (findings.length === 0) return [];
    const keys = findings.map((finding) => finding.key);
    const results = await convergeKeys(context, entity, keys, route);
    if (results.some((result) => result.status === 'fenced')) throw routeChanged(migration.name);
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

  return { repair };
}

export function routeChanged(migration: string): LockstepError {
  return new LockstepError('Fenced', `the route of ${migration} changed during a repair; it is tried again`);
}

function refusalOf(result: Converged | undefined): string | null {
  return result && 'message' in result ? result.message : null;
}
