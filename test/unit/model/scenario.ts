import type { Budget, Key, OperationName, State, Store, StoreName } from './state.ts';

/** One write that a service asks for. */
export interface OperationPlan {
  readonly key: Key;
  readonly kind: 'create' | 'replace' | 'delete';
  readonly pattern: 'primary-secondary' | 'parallel';
  /** What the clock of its service proposes; clocks may agree, or go wrong. */
  readonly proposed: number;
  /** This database refuses its image for good. */
  readonly refusedBy?: StoreName;
}

/** What may go wrong in the protocol itself; none of them is in it. */
export type Fault =
  /** A drain leaves the ids that the old primary has decided where they are. */
  | 'ids-stay-behind'
  /** An undo takes the image of whichever store is primary by then. */
  | 'undo-from-own-image'
  /** The primary answers a repeat from an entry that is only tentative. */
  | 'tentative-read-as-decision'
  /** A store takes a route of its own epoch, whatever its number. */
  | 'routes-without-number'
  /** The old primary stays open while it is drained. */
  | 'drain-while-open'
  /** An id is closed in a store that decides no longer. */
  | 'close-without-fence'
  /** The routine does not look for the operation's id. */
  | 'repeat-not-recognised'
  /** The secondary takes every version. */
  | 'no-version-guard'
  /** A delete leaves no version behind. */
  | 'no-tombstone'
  /** A parked write is compensated whatever was written since. */
  | 'compensate-over-newer'
  /** A write that is being compensated looks as if it were still to be replicated. */
  | 'undo-looks-pending'
  /** A refusal by the database itself is not written down under its id. */
  | 'refusal-not-recorded'
  /** What a restored primary has replaces what the secondary was left with. */
  | 'undo-from-restored'
  /** A restored store is taken for the truth, and the other one repaired from it. */
  | 'repair-from-restored';

export interface Scenario {
  readonly operations: Readonly<Record<OperationName, OperationPlan>>;
  /** The keys that have a row, in both stores, before anything happens. */
  readonly rows: readonly Key[];
  readonly budget: Partial<Omit<Budget, 'sends'>> & { readonly sends: Record<OperationName, number> };
  readonly fault: Fault | null;
}

const none = {
  changes: 0,
  givenUpChanges: 0,
  shares: 0,
  lostAnswers: 0,
  late: 0,
  losses: 0,
  eagerSweeps: 0,
  copies: 0,
  restores: 0,
};

/** Both stores have the rows, the route is open, and legacy is primary. */
export function initialState({ rows, budget }: Scenario): State {
  const row = (key: Key) =>
    rows.includes(key)
      ? { version: 1, value: 'before' as const, origin: 1, isTentative: false }
      : { version: 0, value: null, origin: 0, isTentative: false };
  const store = (): Store => ({
    route: { number: 1, epoch: 1, open: true, primary: 'legacy', share: 0 },
    rows: { x: row('x'), y: row('y') },
    journal: { a: null, b: null },
  });
  return {
    stores: { legacy: store(), modern: store() },
    tasks: [],
    late: [],
    change: null,
    copy: null,
    left: { ...none, ...budget, sends: { ...budget.sends } },
    seen: {
      told: { a: null, b: null },
      effects: { a: 0, b: 0 },
      truth: { x: row('x'), y: row('y') },
      epoch: 1,
      restored: null,
    },
  };
}
