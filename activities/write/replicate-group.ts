import { groupLockWaitMs } from '../../databases/deciding/rounds.ts';
import type { Timing } from '../../databases/deciding/write-result.ts';
import { type Key, keyText } from '../../model/canonical.ts';
import { failureIn } from '../../model/carried-failure.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { entityNamed } from '../../model/migration.ts';
import type { WriteRoute } from '../../model/operation.ts';
import { withinLimit } from '../../model/time-limit.ts';
import { currentAttempt } from '../attempt.ts';
import type { ActivityContext } from '../context.ts';
import { writeMetrics } from '../metrics.ts';
import type { Completions } from './completions.ts';
import { type ConvergeResult, convergeApart, convergeKeys, type LateKey } from './converge.ts';
import { doesNotAnswer, type StoreOutage } from './store-outage.ts';

/** A write of a group that the primary has and the other store is owed. */
export interface OwedWrite {
  readonly id: string;
  readonly entity: string;
  readonly key: Key;
  /** Whose journal has it as pending. */
  readonly decidedBy: StoreName;
}

export type GroupReplication = 'applied' | 'fenced' | 'apart';

const firstAttemptMs = 2_000;

type KeyResult = ConvergeResult | LateKey;

export function replicateGroupActivities(
  context: ActivityContext,
  { outage, completions }: { outage: StoreOutage; completions: Completions },
) {
  const { migration, stores, log } = context;
  const metrics = writeMetrics(context);

  /**
   * Brings the secondary to what the primary has for the keys of a group, then notes in the journals that nothing is pending
   * any more. What the secondary refuses, or cannot take for now while it takes others, goes apart. While it is known not to
   * answer, no caller waits for another attempt.
   *
   * @param seen hears what became of them before the journals are told
   */
  async function replicateGroup(
    request: { owed: readonly OwedWrite[]; route: WriteRoute; timing: Timing | null },
    seen: (results: readonly GroupReplication[]) => void = () => {},
  ): Promise<readonly GroupReplication[]> {
    const { owed, route, timing } = request;
    const { secondary } = route;
    if (!secondary) throw new TypeError('a route without secondary has nothing to replicate to');
    if (currentAttempt().isLocal && outage.isOn(secondary)) throw doesNotAnswer(secondary);
    const results = new Map<OwedWrite, GroupReplication>();
    await Promise.all(
      [...Map.groupBy(owed, ({ entity }) => entity)].map(async ([name, own]) => {
        const entity = entityNamed(migration, name);
        const converged = await recordedAttempt(entity, own, { ...route, secondary });
        for (const write of own) results.set(write, await resultFor(write, converged));
      }),
    );
    const replicated = owed.map((write) => results.get(write) ?? 'apart');
    seen(replicated);
    await completeApplied(owed, results, timing);
    return replicated;
  }

  async function resultFor(
    write: OwedWrite,
    converged: ReadonlyMap<string, KeyResult>,
  ): Promise<GroupReplication> {
    const result = converged.get(keyText(write.key));
    if (!result) throw new TypeError('converge gave no result for a key');
    if (result.status === 'converged') return 'applied';
    if (result.status === 'fenced') return 'fenced';
    const code = result.status === 'refused' ? 'StoreRefused' : result.code;
    await stores[write.decidedBy].recordAttempt([write.id], code, result.message);
    return 'apart';
  }

  async function completeApplied(
    owed: readonly OwedWrite[],
    results: ReadonlyMap<OwedWrite, GroupReplication>,
    timing: Timing | null,
  ): Promise<void> {
    const applied = owed.filter((write) => results.get(write) === 'applied');
    await Promise.all(
      [...Map.groupBy(applied, ({ decidedBy }) => decidedBy)].map(([store, own]) =>
        completions.complete(
          store,
          own.map(({ id }) => id),
        ),
      ),
    );
    for (const { entity } of applied) metrics.replicated(entity, timing);
  }

  /** A failure is kept in the journals, where all of the group can be found as pending. */
  async function recordedAttempt(
    entity: Entity,
    own: readonly OwedWrite[],
    route: WriteRoute & { readonly secondary: StoreName },
  ): Promise<ReadonlyMap<string, KeyResult>> {
    const at = { store: route.secondary, entity: entity.name };
    const keys = [...new Map(own.map(({ key }) => [keyText(key), key])).values()];
    const attempt = () => outage.backOff(route.secondary, () => convergedInTime(entity, keys, route));
    try {
      return await metrics.groupAttempt(at, attempt);
    } catch (error) {
      const failed = failureIn(error);
      if (failed) await record(own, failed);
      throw error;
    }
  }

  async function record(own: readonly OwedWrite[], { code, message, details }: LockstepError): Promise<void> {
    for (const [store, these] of Map.groupBy(own, ({ decidedBy }) => decidedBy)) {
      if (details.store === store) continue;
      const ids = these.map(({ id }) => id);
      await stores[store].recordAttempt(ids, code, message).catch((reason: unknown) => {
        // The attempt's own failure is the one to tell.
        if (!(reason instanceof LockstepError)) throw reason;
        log('a failed attempt could not be recorded', { writes: ids.length, reason: reason.message });
      });
    }
  }

  /** Callers wait for the first attempt, so it must not last. */
  async function convergedInTime(
    entity: Entity,
    keys: readonly Key[],
    route: WriteRoute & { readonly secondary: StoreName },
  ): Promise<ReadonlyMap<string, KeyResult>> {
    const given = { lockWaitMs: groupLockWaitMs };
    const results = currentAttempt().isLocal
      ? await withinLimit(convergeKeys(context, entity, keys, route, given), firstAttemptMs, () =>
          doesNotAnswer(route.secondary),
        )
      : await convergeApart(context, entity, keys, route, { ...given, atOnce: keys.length });
    return new Map(results.map((result, index) => [keyText(keys[index] ?? []), result]));
  }

  /** No store waits for them any more. */
  async function completeOperations(request: {
    store: StoreName;
    operationIds: readonly string[];
  }): Promise<void> {
    await completions.complete(request.store, request.operationIds);
  }

  return { replicateGroup, completeOperations };
}
