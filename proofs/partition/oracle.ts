import { withLegacy, withModern } from '../account/contents.ts';
import type { StoreUrls } from '../account/environment.ts';
import type { PromiseLog } from '../account/promises.ts';
import type { From, How, Kind } from './participants.ts';
import type { ServiceCall } from './service.ts';

/** When a participant was cut off. */
export interface Cut {
  readonly name: string;
  readonly kind: Kind;
  readonly from: From;
  readonly how: How;
  readonly since: number;
  readonly until: number;
}

/** A route that takes writes, from when its change was over. */
export interface Opened {
  readonly epoch: number;
  readonly at: number;
}

/** Answered calls of a service that had lost the stores for longer than its lease: by then it may go by no route. */
export function beyondLease(
  calls: readonly ServiceCall[],
  cuts: readonly Cut[],
  leaseMs: number,
): ServiceCall[] {
  return calls.filter(({ service, askedAt, answeredAt, failure }) =>
    cuts.some(
      ({ name, from, since, until }) =>
        name === service &&
        from === 'stores' &&
        failure === null &&
        askedAt > since + leaseMs &&
        answeredAt < until,
    ),
  );
}

/** Whether a service was cut off during a call, or so shortly before that it may still be looking for its ways. */
export function isBesideCut(
  { service, askedAt, answeredAt }: Pick<ServiceCall, 'service' | 'askedAt' | 'answeredAt'>,
  cuts: readonly Cut[],
  recoveryMs: number,
): boolean {
  return cuts.some(
    ({ name, since, until }) => name === service && since <= answeredAt && until + recoveryMs >= askedAt,
  );
}

/** Operations that a store decided under an epoch which was over before anybody had asked for them. */
export function underOldEpochs(
  log: PromiseLog,
  epochs: ReadonlyMap<string, number>,
  opened: readonly Opened[],
): string[] {
  return log.all().flatMap(({ operationId, askedAt }) => {
    const epoch = epochs.get(operationId);
    const least = opened.findLast(({ at }) => at <= askedAt)?.epoch;
    return epoch !== undefined && least !== undefined && epoch < least
      ? [`${operationId}: under epoch ${epoch}, though ${least} was open`]
      : [];
  });
}

/** The epochs of all operations that either journal knows: the lower one, where they differ. */
export async function epochsIn(urls: StoreUrls): Promise<ReadonlyMap<string, number>> {
  const sql = (table: string) => `SELECT id, epoch FROM ${table} WHERE epoch IS NOT NULL`;
  const rows = [
    ...(await withLegacy(urls.legacy, (query) => query(sql('lockstep_operations')))),
    ...(await withModern(urls.modern, (query) => query(sql('lockstep.operations')))),
  ];
  const epochs = new Map<string, number>();
  for (const { id, epoch } of rows)
    epochs.set(id ?? '', Math.min(Number(epoch), epochs.get(id ?? '') ?? Number.POSITIVE_INFINITY));
  return epochs;
}
