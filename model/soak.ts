import { routeLeaseMs } from './phase.ts';

/**
 * How long, in milliseconds, all reads have been modern for certain: a service may have read by the share before until its
 * lease was over.
 *
 * @param readsModernSince when all were routed to modern, as an ISO time; null where they are not
 */
export function soakedMs(readsModernSince: string | null, now: number): number {
  if (readsModernSince === null) return 0;
  return Math.max(0, now - Date.parse(readsModernSince) - routeLeaseMs);
}
