import type { Pattern } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import type { Phase } from '../../model/phase.ts';

/** A store is copied in one phase, and the copy is put back in the same or a later one. */
export interface Scenario {
  readonly copiedIn: Phase;
  readonly restoredIn: Phase;
  /** Whether the primary changed, and back, between the two. */
  readonly detour?: boolean;
  readonly store: StoreName;
}

export const patterns: readonly Pattern[] = [
  'primary-secondary',
  'parallel',
  'transactional',
  'flag-controlled',
];

const spans: readonly Omit<Scenario, 'store'>[] = [
  { copiedIn: 'dual-write', restoredIn: 'dual-write' },
  { copiedIn: 'dual-write', restoredIn: 'validate' },
  { copiedIn: 'backfill', restoredIn: 'backfill' },
  { copiedIn: 'validate', restoredIn: 'validate' },
  { copiedIn: 'switch-reads', restoredIn: 'switch-reads' },
  { copiedIn: 'switch-reads', restoredIn: 'switch-reads', detour: true },
  { copiedIn: 'switch-reads', restoredIn: 'switch-primary' },
  { copiedIn: 'switch-primary', restoredIn: 'switch-primary' },
  { copiedIn: 'switch-primary', restoredIn: 'modern-only' },
];

export const scenarios: readonly Scenario[] = spans.flatMap((span) =>
  (['legacy', 'modern'] as const).map((store) => ({ ...span, store })),
);

export function nameOf({ copiedIn, restoredIn, detour, store }: Scenario): string {
  return `${store} of ${copiedIn} in ${restoredIn}${detour ? ' after a change of primary and back' : ''}`;
}
