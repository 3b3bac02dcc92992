import type { Phase } from '../../model/phase.ts';

/** When Temporal loses its state: in a phase, or while the primary changes from legacy to modern. */
export type Moment =
  | { readonly phase: Phase; readonly change?: never }
  | { readonly phase: 'switch-reads'; readonly change: Change };

/**
 * - `before closing`: outcomes are being copied; writes go on.
 * - `closing`: a transaction that is in doubt holds the fence.
 * - `after closing`: no store takes writes, and the drain is not over.
 * - `between the openings`: modern is open, and legacy has not heard of it.
 */
export type Change = 'before closing' | 'closing' | 'after closing' | 'between the openings';

export const moments: readonly Moment[] = [
  { phase: 'dual-write' },
  { phase: 'backfill' },
  { phase: 'validate' },
  { phase: 'switch-reads' },
  { phase: 'switch-primary' },
  { phase: 'modern-only' },
  { phase: 'switch-reads', change: 'before closing' },
  { phase: 'switch-reads', change: 'closing' },
  { phase: 'switch-reads', change: 'after closing' },
  { phase: 'switch-reads', change: 'between the openings' },
];

export const fewMoments: readonly Moment[] = [
  { phase: 'validate' },
  { phase: 'switch-reads', change: 'closing' },
];

export function momentName({ phase, change }: Moment): string {
  return change ? `${change} in a change of primary` : phase;
}
