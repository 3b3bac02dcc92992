/** A setting of a server that Lockstep depends on. */
export interface Setting {
  readonly name: string;
  readonly value: string;
  /** What is wrong with the value, and the remedy; null where it will do. */
  readonly problem: string | null;
}

/** How far a server's clock may be from ours before ages and deadlines mislead. */
const clockToleranceMs = 5_000;

export function clockSetting(serverMs: number, hereMs: number): Setting {
  const apart = Math.round(Math.abs(serverMs - hereMs));
  return {
    name: 'clock',
    value: `${apart} ms from this machine's`,
    problem:
      apart <= clockToleranceMs
        ? null
        : `more than ${clockToleranceMs} ms apart; let both machines follow NTP`,
  };
}

/** A setting that must have one of some values. */
export function oneOf(
  name: string,
  value: string | null | undefined,
  wanted: readonly string[],
  problem: string,
): Setting {
  const has = value ?? '';
  return { name, value: has, problem: wanted.includes(has.toLowerCase()) ? null : problem };
}
