import type { StoreName } from './failure.ts';

/** The phases of a migration, in the order in which it passes them. */
export const phases = [
  'legacy-only',
  'dual-write',
  'backfill',
  'validate',
  'switch-reads',
  'switch-primary',
  'modern-only',
  'decommissioned',
] as const;

export type Phase = (typeof phases)[number];

/** Which store is primary, which is secondary, and where reads may go. */
export interface Route {
  readonly primary: StoreName;
  readonly secondary: StoreName | null;
  readonly reads: 'legacy' | 'share' | 'modern';
}

export const routes: Readonly<Record<Phase, Route>> = {
  'legacy-only': { primary: 'legacy', secondary: null, reads: 'legacy' },
  'dual-write': { primary: 'legacy', secondary: 'modern', reads: 'legacy' },
  backfill: { primary: 'legacy', secondary: 'modern', reads: 'legacy' },
  validate: { primary: 'legacy', secondary: 'modern', reads: 'legacy' },
  'switch-reads': { primary: 'legacy', secondary: 'modern', reads: 'share' },
  'switch-primary': { primary: 'modern', secondary: 'legacy', reads: 'modern' },
  'modern-only': { primary: 'modern', secondary: null, reads: 'modern' },
  decommissioned: { primary: 'modern', secondary: null, reads: 'modern' },
};

export function phaseAfter(phase: Phase): Phase | null {
  return phases[phases.indexOf(phase) + 1] ?? null;
}

/** The phase a rollback leads to; null where there is no way back, because legacy no longer receives writes. */
export function phaseBefore(phase: Phase): Phase | null {
  if (phase === 'modern-only' || phase === 'decommissioned') return null;
  return phases[phases.indexOf(phase) - 1] ?? null;
}

/** Whether a flag may keep a write out of the secondary: only until history is copied, which catches such writes up. */
export function flagsApplyIn(phase: Phase): boolean {
  return phase === 'dual-write';
}

/** The stores that a phase cannot do without; legacy is out of it once modern stands alone. */
export function neededStores(phase: Phase): readonly StoreName[] {
  return routes[phase].primary === 'modern' && routes[phase].secondary === null
    ? ['modern']
    : ['legacy', 'modern'];
}

/** Writes of the old route must be fenced out when they would land elsewhere under the new one. */
export function changesWriteRoute(from: Phase, to: Phase): boolean {
  return (
    routes[from].primary !== routes[to].primary ||
    routes[from].secondary !== routes[to].secondary ||
    flagsApplyIn(from) !== flagsApplyIn(to)
  );
}

export function changesPrimary(from: Phase, to: Phase): boolean {
  return routes[from].primary !== routes[to].primary;
}

export function otherStore(store: StoreName): StoreName {
  return store === 'legacy' ? 'modern' : 'legacy';
}

/** The durable route, as both stores keep it; `open: false` while a change of primary is under way. */
export interface DurableState {
  readonly migration: string;
  readonly phase: Phase;
  readonly epoch: number;
  /** Grows with every change of the route, a share or a phase too: a store takes only a higher one. */
  readonly changeNumber: number;
  readonly open: boolean;
  /** 0…100: the share of keys that modern answers in `switch-reads`. */
  readonly readPercent: number;
  /** 0…100: the share of keys that `flag-controlled` entities write to modern. */
  readonly writePercent: number;
}

/** A service asks for the route again after so long, in milliseconds; meanwhile it goes by the one it has. */
export const routeFreshMs = 1_000;

/** No service goes by a route for longer, in milliseconds, than this after it asked for it. */
export const routeLeaseMs = 5_000;

/** The newer of what both stores hold: the later change, legacy's where both have the same. */
export function newestState(legacy: DurableState | null, modern: DurableState | null): DurableState | null {
  return legacy && modern && modern.changeNumber > legacy.changeNumber ? modern : (legacy ?? modern);
}
