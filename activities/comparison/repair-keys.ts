import { Context } from '@temporalio/activity';
import { type Key, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import type { ActivityContext } from '../context.ts';
import { type ConvergeResult, convergeKeys, type PairedRoute } from '../write/converge.ts';
import { createVersionBumper } from './bump-version.ts';
import { createDifferenceClassifier, type KeyComparison } from './classify-difference.ts';

/** A key that differs after all that could be done, with the refusal where there was one. */
interface Unrepaired {
  readonly finding: KeyComparison;
  readonly why: string | null;
}

/** Brings keys of the secondary to what the primary has, whatever their versions say. */
export function createKeyRepair(context: Pick<ActivityContext, 'migration' | 'stores' | 'clock'>) {
  const { migration, stores } = context;
  const { compareKeys } = createDifferenceClassifier(context);
  const { bumpVersion } = createVersionBumper(context);

  /** Gives what still differs, once it is among the differences. */
  async function repair(entity: Entity, keys: readonly Key[], route: PairedRoute): Promise<KeyComparison[]> {
    // First what versions decide by themselves: a write or delete that the secondary has not seen.
    let open = await attempt(entity, await differing(entity, keys, route), route);
    // Then what was changed behind equal versions: the primary's rows stand, under a version that is new to both.
    const bumped: KeyComparison[] = [];
    for (const { finding, why } of open) {
      if (why === null && (await bumpVersion(entity, finding, route)) === 'bumped') bumped.push(finding);
    }
    const others = open.filter(({ finding }) => !bumped.includes(finding));
    open = [...others, ...(await attempt(entity, bumped, route))];
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

  async function attempt(
    entity: Entity,
    findings: readonly KeyComparison[],
    route: PairedRoute,
  ): Promise<Unrepaired[]> {
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
