import type { PrimaryResult, Timing, WriteResult } from '../../activities/write/write-result.ts';
import { failureIn } from '../../model/carried-failure.ts';
import type { WriteInput, WriteRoute } from '../../model/operation.ts';
import { type ToldRefusal, toldAborted, toldRefusal } from '../../model/told-refusal.ts';
import type { Version } from '../../model/version.ts';
import { bounded, local, unbounded } from '../activities.ts';
import { failure, messageOf } from '../failures.ts';
import { assertNotExpired } from './expiry.ts';
import { routeAfter } from './route.ts';

/** What a primary has decided, under which route. */
export interface PrimaryDecision {
  readonly version: Version;
  readonly route: WriteRoute;
  readonly decidedBy: WriteRoute['primary'];
  /** Whether its journal says that the other store still waits for it. */
  readonly pending: boolean;
  /** See `PrimaryResult`. */
  readonly atOnce?: WriteResult | null;
  readonly timing: Timing | null;
}

/**
 * The primary's decision, whatever route it takes: a new primary knows what the old one has decided. Before the write is
 * failed, its id is closed where it may still be running.
 */
export async function decide(input: WriteInput): Promise<PrimaryDecision> {
  const { operation, decided } = input;
  let { route } = input;
  if (decided !== undefined)
    return { version: decided, route, decidedBy: route.primary, pending: true, timing: null };
  for (;;) {
    const result = await writeAtPrimary({ ...input, route });
    switch (result.status) {
      case 'applied':
        return {
          version: result.version,
          route,
          decidedBy: route.primary,
          pending: route.secondary !== null,
          timing: result.timing ?? null,
          ...(result.atOnce === undefined ? {} : { atOnce: result.atOnce }),
        };
      case 'refused':
      case 'conflict':
        throw toldFailure(toldRefusal(operation, route.primary, result));
      case 'aborted':
        throw toldFailure(toldAborted(operation));
      case 'fenced':
        route = await routeAfter(route, { operationId: operation.id, dualWrite: input.dualWrite });
    }
  }
}

function toldFailure({ code, message, details }: ToldRefusal): Error {
  return failure(code, message, details);
}

async function writeAtPrimary(input: WriteInput): Promise<PrimaryResult> {
  const { entity, id: operationId } = input.operation;
  assertNotExpired({ entity, operationId }, input.policy);
  try {
    return await local.writePrimary(input);
  } catch (error) {
    const known = failureIn(error);
    if (known && !known.retryable) throw failure(known.code, known.message, known.details);
  }
  try {
    return await bounded(input.policy.primaryGiveUpMs).writePrimary(input);
  } catch (error) {
    const { operation, route } = input;
    const closed = await unbounded.closeAtPrimary({ operation, route });
    if (closed.status === 'fenced') return { status: 'fenced' };
    if (closed.status === 'failed') return await unbounded.writePrimary(input);
    if (closed.status !== 'aborted' && closed.version !== null)
      return { status: 'applied', version: closed.version };
    throw failure(
      'StoreUnavailable',
      `operation ${operation.id} was given up, nothing was written: ${messageOf(error)}`,
      {
        entity: operation.entity,
        operationId: operation.id,
        store: route.primary,
      },
    );
  }
}
