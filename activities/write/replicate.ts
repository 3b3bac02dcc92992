import type { Timing, WriteResult } from '../../databases/deciding/write-result.ts';
import { failureIn } from '../../model/carried-failure.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import type { AnyFailureCode } from '../../model/failure-codes.ts';
import { entityNamed } from '../../model/migration.ts';
import type { Operation, WriteRoute } from '../../model/operation.ts';
import type { Version } from '../../model/version.ts';
import type { ActivityContext } from '../context.ts';
import { writeMetrics } from '../metrics.ts';
import type { Completions } from './completions.ts';
import { convergeKeys } from './converge.ts';
import type { StoreOutage } from './store-outage.ts';
import { createTentativeResolver } from './tentative.ts';

export interface ReplicationRequest {
  readonly operation: Pick<Operation, 'id' | 'entity' | 'key'>;
  readonly route: WriteRoute;
  readonly decidedBy: StoreName;
  readonly version: Version;
  /** The store that may have taken it before it was decided; null where none was to. */
  readonly tentativeIn: StoreName | null;
  /** Of the primary's part, to tell what the other store's costs. */
  readonly timing?: Timing | null;
}

export function replicateActivities(
  context: ActivityContext,
  { outage, completions }: { outage: StoreOutage; completions: Completions },
) {
  const { migration, stores, log } = context;
  const metrics = writeMetrics(context);
  const { bringBack } = createTentativeResolver(context);

  /**
   * Brings the secondary to what the primary has for the operation's key, then notes in the journal of the store that
   * was primary that nothing is pending any more.
   *
   * @param seen hears that both stores have it before the journal is told
   */
  async function replicateToSecondary(
    request: ReplicationRequest,
    seen: (result: WriteResult) => void = () => {},
  ): Promise<WriteResult> {
    const { operation, route, timing } = request;
    const { secondary } = route;
    if (!secondary) throw new TypeError('a route without secondary has nothing to replicate to');
    const at = { store: secondary, entity: operation.entity };
    const { result } = await metrics.attempt(at, () => recordedAttempt(request, secondary, seen));
    if (result.status === 'applied') metrics.replicated(operation.entity, timing ?? null);
    return result;
  }

  /**
   * A failure is kept in the journal of the store that was primary. Where all goes well, no round trip is made for it.
   */
  async function recordedAttempt(
    request: ReplicationRequest,
    secondary: StoreName,
    seen: (result: WriteResult) => void,
  ): Promise<WriteResult> {
    const { operation, decidedBy } = request;
    const record = ({ code, message }: { code: AnyFailureCode; message: string }) =>
      stores[decidedBy].recordAttempt([operation.id], code, message);
    let result: WriteResult;
    try {
      result = await attempt(request, secondary, seen);
    } catch (error) {
      const failed = failureIn(error);
      if (failed && failed.details.store !== decidedBy) {
        await record(failed).catch((reason: unknown) => {
          // The attempt's own failure is the one to tell.
          if (!(reason instanceof LockstepError)) throw reason;
          log('a failed attempt could not be recorded', {
            operationId: operation.id,
            reason: reason.message,
          });
        });
      }
      throw error;
    }
    if (result.status === 'conflict' || result.status === 'refused') await record(result);
    return result;
  }

  async function attempt(
    { operation, route, decidedBy, version, tentativeIn }: ReplicationRequest,
    secondary: StoreName,
    seen: (result: WriteResult) => void,
  ): Promise<WriteResult> {
    const entity = entityNamed(migration, operation.entity);
    const [converged] = await outage.backOff(secondary, () =>
      convergeKeys(context, entity, [operation.key], route),
    );
    if (!converged) throw new TypeError('converge gave no result for its key');
    if (converged.status === 'converged') {
      if (tentativeIn && !converged.changed) {
        // A repeat of what was decided long ago: rows that a secondary without its id took are older than the record.
        const message = await bringBack(
          operation,
          { ...route, secondary },
          { closed: false, which: 'of equal versions' },
        );
        if (message !== null) return { status: 'refused', code: 'StoreRefused', message };
      }
      const applied: WriteResult = { status: 'applied', version: converged.version };
      seen(applied);
      const decision = { status: 'completed', version, reason: null, refusal: null } as const;
      await Promise.all([
        completions.complete(decidedBy, [operation.id]),
        tentativeIn && stores[tentativeIn].settleTentative(operation.id, decision),
      ]);
      return applied;
    }
    return converged.status === 'refused' ? { ...converged, code: 'StoreRefused' } : converged;
  }

  return { replicateToSecondary };
}
