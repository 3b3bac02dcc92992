/** The protocol's state, small enough that every order of its steps can be tried. */

export type StoreName = 'legacy' | 'modern';
export const storeNames = ['legacy', 'modern'] as const;
export type Key = 'x' | 'y';
export const keys = ['x', 'y'] as const;
export type OperationName = 'a' | 'b';
export const operationNames = ['a', 'b'] as const;

/** What a caller is told in the end. */
export type Result = 'applied' | 'refused' | 'aborted' | 'compensated';

/** The durable route, as one store has it. */
export interface Route {
  number: number;
  epoch: number;
  open: boolean;
  primary: StoreName;
  share: number;
}

/**
 * A record and its row. `value` is the operation that wrote it, `before` from before the first one, or null where there is no
 * row. `origin` is the version under which the value was decided; a raised version leaves it. A tentative row has the version and
 * the origin of the one that it has replaced: its record does not speak of it.
 */
export interface Row {
  version: number;
  value: OperationName | 'before' | null;
  origin: number;
  isTentative: boolean;
}

export interface Entry {
  /** `undoing`: compensated here, which the other store does not know yet. */
  status:
    | 'pending'
    | 'completed'
    | 'tentative'
    | 'parked'
    | 'undoing'
    | 'compensated'
    | 'refused'
    | 'aborted';
  version: number;
  /** What the record was before, for a compensation. */
  before: Row;
}

export interface Store {
  route: Route;
  rows: Record<Key, Row>;
  journal: Record<OperationName, Entry | null>;
}

/** Where the workflow of a write stands, or a sweep that works for a workflow that is lost. */
export interface Task {
  operation: OperationName;
  isSweep: boolean;
  at:
    | 'route'
    | 'write'
    | 'close'
    | 'decided'
    | 'withdraw'
    | 'close-primary'
    | 'close-secondary'
    | 'look'
    | 'compare'
    | 'bump'
    | 'compensate'
    | 'read'
    | 'apply'
    | 'mark'
    | 'settle'
    | 'parked';
  route: Route;
  result: Result | null;
  /** `parallel`: whether the secondary still has to be tried. */
  tentative: boolean;
  /** The store that may have taken it tentatively; what it was is undone there. */
  undoIn: StoreName | null;
  /** What was read at the primary: on its way to the secondary, or to be compared with it. */
  carried: Row | null;
  /** The version that the secondary has, where the primary's is no higher. */
  above: number;
  /** An attempt was not answered: it may have committed, or may still. */
  inDoubt: boolean;
}

/** An attempt that nobody waits for any more; it may still commit. */
export type Late =
  | { kind: 'write'; operation: OperationName; store: StoreName; epoch: number }
  | { kind: 'tentative'; operation: OperationName; store: StoreName; epoch: number }
  | { kind: 'route'; store: StoreName; route: Route };

export type ChangeStep =
  | { kind: 'route'; store: StoreName; route: Route; isFinal: boolean }
  | { kind: 'drain'; from: StoreName; epoch: number };

/** A change of route under way: what is still to be done, and what would undo it; null once there is only forward. */
export interface Change {
  steps: ChangeStep[];
  back: ChangeStep[] | null;
}

/** How often each of these may still happen. */
export interface Budget {
  sends: Record<OperationName, number>;
  changes: number;
  givenUpChanges: number;
  shares: number;
  lostAnswers: number;
  late: number;
  /** A workflow, of a write or of a change, that disappears. */
  losses: number;
  /** Sweeps that take an operation whose workflow still lives. */
  eagerSweeps: number;
  copies: number;
  restores: number;
}

/** What an observer outside has seen; no step of the protocol depends on it. */
export interface Seen {
  told: Record<OperationName, Result | null>;
  effects: Record<OperationName, number>;
  /** The newest decision about each key. */
  truth: Record<Key, Row>;
  /** The highest epoch of a decision. */
  epoch: number;
  restored: StoreName | null;
}

export interface State {
  stores: Record<StoreName, Store>;
  tasks: Task[];
  late: Late[];
  change: Change | null;
  copy: { of: StoreName; store: Store } | null;
  left: Budget;
  seen: Seen;
}

export function otherStore(store: StoreName): StoreName {
  return store === 'legacy' ? 'modern' : 'legacy';
}

/** The route of the higher number. Where numbers are equal, both stores have the same, or a recovery is due. */
export function newestRoute({ stores: { legacy, modern } }: State): Route {
  return modern.route.number > legacy.route.number ? modern.route : legacy.route;
}

export function sameRoute(one: Route, other: Route): boolean {
  return (
    one.number === other.number &&
    one.epoch === other.epoch &&
    one.open === other.open &&
    one.primary === other.primary &&
    one.share === other.share
  );
}

export function copyStore({ route, rows, journal }: Store): Store {
  return {
    route: { ...route },
    rows: { x: { ...rows.x }, y: { ...rows.y } },
    journal: { a: copyEntry(journal.a), b: copyEntry(journal.b) },
  };
}

function copyEntry(entry: Entry | null): Entry | null {
  return entry && { ...entry };
}

/** Deep where steps change something in place; routes and rows that are carried are only ever replaced. */
export function copyState(state: State): State {
  const { stores, seen, left } = state;
  return {
    stores: { legacy: copyStore(stores.legacy), modern: copyStore(stores.modern) },
    tasks: state.tasks.map((task) => ({ ...task })),
    late: [...state.late],
    change: state.change && { ...state.change },
    copy: state.copy,
    left: { ...left, sends: { ...left.sends } },
    seen: {
      ...seen,
      told: { ...seen.told },
      effects: { ...seen.effects },
      truth: { ...seen.truth },
    },
  };
}
