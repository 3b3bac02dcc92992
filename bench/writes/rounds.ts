import { median } from '../bench.ts';
import { cpuSeconds } from './cpu.ts';
import type { RunningWay } from './running-way.ts';
import type { WayName } from './ways.ts';

/** A way with the processes that do its work. */
export interface Contender {
  readonly name: WayName;
  readonly running: RunningWay;
  /** Beside its own: servers, and the worker. */
  readonly pids: readonly number[];
}

/** Medians of the rounds. */
export interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** Of all processes that take part, until both stores have everything; null where it cannot be told. */
  readonly cpuMsPerWrite: number | null;
  /** Writes a second until both stores had everything. */
  readonly inBothPerSecond: number;
  /** Of all rounds: writes whose caller got an error. */
  readonly failed: number;
}

export interface Plan {
  readonly callers: readonly number[];
  readonly rounds: number;
  readonly forMs: number;
  /** No round begins that would probably end later than this; the first always does. */
  readonly withinMs: number;
  readonly note: (line: string) => void;
}

const warmUpCallers = 32;
const warmUpMs = 1_000;
/** For what a turn leaves to be done, such as the last workflows' end. */
const restMs = 150;

/** Every way has its turn in each round, with each number of callers; who begins changes from turn to turn. */
export async function inRounds(
  contenders: readonly Contender[],
  { callers: crowds, rounds, forMs, withinMs, note }: Plan,
): Promise<{ rounds: number; measured: ReadonlyMap<string, Measured> }> {
  const began = performance.now();
  for (const { running } of contenders) await running.turn(warmUpCallers, { forMs: warmUpMs });
  const taken = new Map<string, Measured[]>();
  let round = 0;
  const isTimeFor = () => (performance.now() - began) * (1 + 1 / round) < withinMs;
  for (; round < rounds && (round === 0 || isTimeFor()); round++) {
    for (const [at, callers] of crowds.entries()) {
      const first = (round * crowds.length + at) % contenders.length;
      for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
        const measured = await measure(contender, callers, forMs);
        const place = placeOf(contender.name, callers);
        taken.set(place, [...(taken.get(place) ?? []), measured]);
        note(`round ${round + 1} of ${rounds}, ${callers} callers, ${contender.name}: ${shown(measured)}`);
      }
    }
  }
  const measured = new Map([...taken].map(([place, all]) => [place, medianOf(all)]));
  return { rounds: round, measured };
}

export function placeOf(name: WayName, callers: number): string {
  return `${name}/${callers}`;
}

async function measure({ running, pids }: Contender, callers: number, forMs: number): Promise<Measured> {
  await new Promise((resolve) => setTimeout(resolve, restMs));
  const all = [running.pid, ...pids];
  const before = cpuSeconds(all);
  const { writes, failed, seconds, p50Ms, p95Ms, p99Ms, drainSeconds } = await running.turn(callers, {
    forMs,
  });
  const after = cpuSeconds(all);
  return {
    perSecond: writes / seconds,
    p50Ms,
    p95Ms,
    p99Ms,
    cpuMsPerWrite: before === null || after === null ? null : ((after - before) * 1_000) / writes,
    inBothPerSecond: writes / (seconds + drainSeconds),
    failed,
  };
}

function medianOf(all: readonly Measured[]): Measured {
  const of = (name: Exclude<keyof Measured, 'cpuMsPerWrite' | 'failed'>) =>
    median(all.map((one) => one[name]));
  const cpu = all.flatMap(({ cpuMsPerWrite }) => (cpuMsPerWrite === null ? [] : [cpuMsPerWrite]));
  return {
    perSecond: of('perSecond'),
    p50Ms: of('p50Ms'),
    p95Ms: of('p95Ms'),
    p99Ms: of('p99Ms'),
    cpuMsPerWrite: cpu.length === 0 ? null : median(cpu),
    inBothPerSecond: of('inBothPerSecond'),
    failed: all.reduce((sum, { failed }) => sum + failed, 0),
  };
}

function shown({ perSecond, p50Ms, cpuMsPerWrite, failed }: Measured): string {
  const cpu = cpuMsPerWrite === null ? '' : `, CPU ${cpuMsPerWrite.toFixed(2)} ms a write`;
  return `${perSecond.toFixed(0)}/s, p50 ${p50Ms.toFixed(1)} ms${cpu}${failed > 0 ? `, ${failed} failed` : ''}`;
}
