import type { Figures } from '../report.ts';
import type { Absence } from './strikes.ts';
import type { Call } from './writers.ts';

/** What a write may wait for, by ARCHITECTURE ("The bound"): drain and asking for the route, and where something was lost, that. */
export interface Bound {
  readonly drainLimitMs: number;
  /** Until the route is asked for again. */
  readonly askAgainMs: number;
  /** Until it is noticed that a worker was lost, and its work is begun again. */
  readonly noticeMs: number;
}

export interface Wait {
  readonly call: Call;
  readonly ms: number;
  readonly beside: readonly Absence[];
  /** How much longer than documented; below 0 where it is within the bound. */
  readonly beyondMs: number;
}

export function waitsOf(calls: readonly Call[], absences: readonly Absence[], bound: Bound): Wait[] {
  return calls.map((call) => {
    const beside = absencesDuring(call, absences);
    const ms = call.answeredAt - call.askedAt;
    // Each absence once for what it lasts, and once for what it takes to notice it.
    const allowed = beside.reduce(
      (sum, { from, to }) => sum + (to - from) + bound.noticeMs,
      bound.drainLimitMs + bound.askAgainMs,
    );
    return { call, ms, beside, beyondMs: ms - allowed };
  });
}

export function absencesDuring(
  { askedAt, answeredAt }: Pick<Call, 'askedAt' | 'answeredAt'>,
  absences: readonly Absence[],
): Absence[] {
  return absences.filter(({ from, to }) => from <= answeredAt && to >= askedAt);
}

/** In milliseconds, by what was away meanwhile. */
export function waitFigures(waits: readonly Wait[]): Figures {
  const groups = Map.groupBy(waits, ({ beside }) =>
    beside.length === 0 ? 'nothing' : [...new Set(beside.map(({ victim }) => victim))].sort().join(' and '),
  );
  return Object.fromEntries(
    [...groups].map(([name, group]) => [`${name} away`, spread(group.map(({ ms }) => ms))]),
  );
}

export function spread(values: readonly number[]): Figures {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}
