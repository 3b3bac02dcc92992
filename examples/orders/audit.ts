import type { LegacyConnection, ModernConnection } from './connections.ts';
import { legacyLines, modernLines, type PlainLine } from './lines.ts';
import { type Asked, digestOfLines, type PromiseLog } from './promises.ts';

export interface Audit {
  acknowledged: number;
  refused: number;
  /** Never answered for good: each may have taken effect or not, but in both stores alike. */
  unknown: number;
  /** Orders of which a store does not hold what was promised last. */
  lost: number;
  broken: readonly { key: string; reason: string }[];
}

/** The time within which legacy stopped receiving writes: from the request to the answer. */
export interface LegacyStop {
  from: number;
  to: number;
}

/**
 * Holds every order that the service knows against both stores, by plain SQL. Orders that it never touched must be as they
 * were; the others must be what was acknowledged last. In legacy, the last before it stopped receiving writes.
 */
export async function audit(
  log: PromiseLog,
  legacy: LegacyConnection,
  modern: ModernConnection,
  legacyStop: LegacyStop | null = null,
): Promise<Audit> {
  const old = digests(await legacyLines(legacy));
  const now = digests(await modernLines(modern));
  const promises = Map.groupBy(log.all(), ({ key }) => key);
  const broken: { key: string; reason: string }[] = [];
  for (const key of new Set([...log.before.keys(), ...promises.keys(), ...old.keys(), ...now.keys()])) {
    const reason = whyBroken(
      log.before.get(key) ?? null,
      promises.get(key) ?? [],
      old.get(key) ?? null,
      now.get(key) ?? null,
      legacyStop,
    );
    if (reason) broken.push({ key, reason });
  }
  return {
    acknowledged: log.count('acknowledged'),
    refused: log.count('refused'),
    unknown: log.count('unknown') + log.count('open'),
    lost: broken.length,
    broken,
  };
}

/** Orders of which the last write may have come after legacy had stopped. */
export function writtenSince(log: PromiseLog, { from }: LegacyStop): Set<string> {
  return new Set(
    log.all().flatMap(({ key, answeredAt }) => (answeredAt === null || answeredAt >= from ? [key] : [])),
  );
}

function whyBroken(
  before: string | null,
  asked: readonly Asked[],
  legacy: string | null,
  modern: string | null,
  stop: LegacyStop | null,
): string | null {
  const effective = asked.filter(({ outcome }) => outcome !== 'refused');
  const versions = effective.flatMap(({ version }) => (version === null ? [] : [BigInt(version)]));
  if (versions.some((version, index) => index > 0 && version <= (versions[index - 1] ?? 0n)))
    return 'versions do not rise';

  // The service has one write of an order under way at a time, so the order of asking is the order of states.
  const allowed = lastStates(before, effective);
  if (!allowed.includes(modern)) return `modern does not hold the last of ${asked.length} promises`;
  if (!stop) return legacy === modern ? null : 'legacy does not hold what modern holds';

  const kept = effective.filter(({ answeredAt }) => answeredAt !== null && answeredAt < stop.from);
  const between = effective.filter(
    ({ askedAt, answeredAt }) => askedAt <= stop.to && (answeredAt === null || answeredAt >= stop.from),
  );
  const allowedOld = [...lastStates(before, kept), ...between.map(({ intended }) => intended)];
  return allowedOld.includes(legacy) ? null : 'legacy does not hold the last promise of its time';
}

/** The state after the last acknowledged write, and after each write of unknown outcome that followed it. */
function lastStates(before: string | null, effective: readonly Asked[]): (string | null)[] {
  let states = [before];
  for (const { outcome, intended } of effective) {
    states = outcome === 'acknowledged' ? [intended] : [...states, intended];
  }
  return states;
}

function digests(lines: readonly PlainLine[]): Map<string, string> {
  const orders = Map.groupBy(lines, (line) => line.get('order_id') ?? '');
  return new Map([...orders].map(([key, ofOrder]) => [key, digestOfLines(ofOrder)]));
}
