import { readdirSync, readFileSync } from 'node:fs';

/** Of `/proc`, on every Linux that Node runs on. */
const ticksPerSecond = 100;

/**
 * Seconds of CPU that these processes and all below them have used since they began, those that have ended included; null where
 * there is no `/proc`.
 */
export function cpuSeconds(pids: Iterable<number>): number | null {
  const processes = running();
  if (processes === null) return null;
  const below = Map.groupBy(processes.values(), ({ parent }) => parent);
  const counted = new Set<number>();
  let ticks = 0;
  const count = (pid: number) => {
    const found = processes.get(pid);
    if (found === undefined || counted.has(pid)) return;
    counted.add(pid);
    ticks += found.ticks;
    for (const child of below.get(pid) ?? []) count(child.pid);
  };
  for (const pid of pids) count(pid);
  return ticks / ticksPerSecond;
}

function running(): Map<number, { pid: number; parent: number; ticks: number }> | null {
  try {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return new Map(pids.flatMap(statOf).map((found) => [found.pid, found]));
  } catch {
    return null;
  }
}

/** A process may end while we read. */
function statOf(name: string) {
  try {
    const text = readFileSync(`/proc/${name}/stat`, 'latin1');
    // The name in parentheses may hold blanks and parentheses.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15).map(Number);
    return [{ pid: Number(name), parent: Number(fields[1]), ticks: user + system + endedUser + endedSystem }];
  } catch {
    return [];
  }
}
