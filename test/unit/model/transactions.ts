import type { Scenario } from './scenario.ts';
import {
  type Entry,
  type Key,
  type OperationName,
  type Result,
  type Route,
  type Row,
  type State,
  type StoreName,
  sameRoute,
} from './state.ts';
import { Violation } from './violation.ts';

// Each function is one transaction of one store.

/** Under which epoch, and in which store. */
export interface Place {
  readonly store: StoreName;
  readonly epoch: number;
}

/** The write routine at the primary: fence, repeat, refusal or decision. */
export function decide(state: State, scenario: Scenario, name: OperationName, at: Place): Result | 'fenced' {
  const { key, kind, proposed, refusedBy } = scenario.operations[name];
  const store = state.stores[at.store];
  if (!takesDecisions(state, at)) return 'fenced';
  const known = scenario.fault === 'repeat-not-recognised' ? null : store.journal[name];
  if (known && known.status !== 'tentative') return resultOf(known);
  if (known && scenario.fault === 'tentative-read-as-decision') return 'applied';
  const before = store.rows[key];
  const isLive = before.value !== null;
  const refuses = (kind === 'create' && isLive) || (kind === 'delete' && !isLive) || refusedBy === at.store;
  if (refuses) {
    if (refusedBy === at.store && scenario.fault === 'refusal-not-recorded') return 'refused';
    store.journal[name] = { status: 'refused', version: before.version, before };
    return 'refused';
  }
  const version = Math.max(proposed, before.version + 1);
  const row = decided(state, key, { version, value: kind === 'delete' ? null : name, epoch: at.epoch });
  state.seen.effects[name] += 1;
  const { effects, told, restored } = state.seen;
  if (restored === null && effects[name] > 1) throw new Violation(2, `${name} takes effect a second time`);
  if (told[name] === 'refused' || told[name] === 'aborted') {
    throw new Violation(2, `${name} takes effect after its caller was told that it is ${told[name]}`);
  }
  store.rows[key] = row;
  if (scenario.fault === 'no-tombstone' && row.value === null) store.rows[key] = { ...row, version: 0 };
  store.journal[name] = { status: 'pending', version, before };
  return 'applied';
}

/** A new truth about a key. */
function decided(
  state: State,
  key: Key,
  { version, value, epoch }: { version: number; value: Row['value']; epoch: number },
): Row {
  const { seen } = state;
  if (epoch < seen.epoch)
    throw new Violation(6, `${key} is decided under epoch ${epoch}, after ${seen.epoch}`);
  if (seen.restored === null && version <= seen.truth[key].version) {
    throw new Violation(3, `${key} is decided at version ${version}, after ${seen.truth[key].version}`);
  }
  seen.epoch = epoch;
  seen.truth[key] = { version, value, origin: version, isTentative: false };
  return seen.truth[key];
}

export function resultOf({ status }: Entry): Result {
  if (status === 'undoing') return 'compensated';
  if (status === 'refused' || status === 'aborted' || status === 'compensated') return status;
  return 'applied';
}

function takesDecisions({ stores }: State, { store, epoch }: Place): boolean {
  const { route } = stores[store];
  return route.epoch === epoch && route.open && route.primary === store;
}

function takesReplicas({ stores }: State, { store, epoch }: Place): boolean {
  const { route } = stores[store];
  return route.epoch === epoch && route.primary !== store;
}

/** `parallel`: the secondary takes the rows before the primary has decided; the record keeps its version. */
export function takeTentatively(state: State, scenario: Scenario, name: OperationName, at: Place): void {
  const { key, kind, proposed, refusedBy } = scenario.operations[name];
  const store = state.stores[at.store];
  if (!takesReplicas(state, at) || store.journal[name] || refusedBy === at.store) return;
  const before = store.rows[key];
  store.journal[name] = { status: 'tentative', version: 0, before };
  if (proposed <= before.version) return;
  store.rows[key] = { ...before, value: kind === 'delete' ? null : name, isTentative: true };
}

/** Closes an id where nobody has decided it, so that no late attempt does; gives what has become of it. */
export function close(state: State, scenario: Scenario, name: OperationName, at: Place): Result | 'fenced' {
  if (scenario.fault !== 'close-without-fence' && !takesDecisions(state, at)) return 'fenced';
  return resultOf(closeAnywhere(state, scenario, name, at.store));
}

/** The same whatever the route; an id that is closed for an undo is closed in both stores. */
export function closeAnywhere(state: State, scenario: Scenario, name: OperationName, at: StoreName): Entry {
  const { journal, rows } = state.stores[at];
  const before = rows[scenario.operations[name].key];
  const entry = journal[name] ?? { status: 'aborted', version: 0, before };
  journal[name] = entry;
  return entry;
}

/** A version above those of both stores for what the primary has, unless it was written since it was read. */
export function bump(
  state: State,
  { key, read, above, at, closed }: { key: Key; read: number; above: number; at: Place; closed: boolean },
): 'done' | 'stale' | 'fenced' {
  const store = state.stores[at.store];
  const { route } = store;
  if (route.epoch !== at.epoch || route.open === closed || route.primary !== at.store) return 'fenced';
  const row = store.rows[key];
  if (row.version !== read) return 'stale';
  const version = Math.max(above, row.version) + 1;
  store.rows[key] = { ...row, version };
  state.seen.truth[key] = { ...state.seen.truth[key], version };
  return 'done';
}

/** Gives the primary the image from before an operation that the secondary refuses, unless it was replaced since. */
export function compensate(
  state: State,
  scenario: Scenario,
  name: OperationName,
  at: Place,
): 'done' | 'fenced' {
  if (!takesDecisions(state, at)) return 'fenced';
  const { key } = scenario.operations[name];
  const store = state.stores[at.store];
  const entry = store.journal[name];
  const row = store.rows[key];
  if (!entry || entry.status === 'compensated' || entry.status === 'undoing') return 'done';
  if (scenario.fault !== 'undo-looks-pending') store.journal[name] = { ...entry, status: 'undoing' };
  if (row.version !== entry.version && scenario.fault !== 'compensate-over-newer') return 'done';
  if (state.seen.truth[key].version !== entry.version) {
    throw new Violation(2, `the compensation of ${name} replaces a newer write of ${key}`);
  }
  const { value } = entry.before;
  store.rows[key] = decided(state, key, { version: row.version + 1, value, epoch: at.epoch });
  return 'done';
}

/** The routine at the secondary: what it has already, or something newer, stays. */
export function replicate(
  state: State,
  scenario: Scenario,
  { key, row, at }: { key: Key; row: Row; at: Place },
): 'done' | 'refused' | 'fenced' {
  if (!takesReplicas(state, at)) return 'fenced';
  const { value } = row;
  if ((value === 'a' || value === 'b') && scenario.operations[value].refusedBy === at.store) return 'refused';
  const store = state.stores[at.store];
  const stored = store.rows[key];
  const isNewer = row.version > stored.version || scenario.fault === 'no-version-guard';
  if (isNewer) {
    store.rows[key] = row;
    if (scenario.fault === 'no-tombstone' && value === null) store.rows[key] = { ...row, version: 0 };
  }
  return 'done';
}

/** Both stores have what the primary decided, or that it was undone. */
export function complete(state: State, store: StoreName, name: OperationName): void {
  mark(state, store, name, ['pending', 'parked'], 'completed');
  mark(state, store, name, ['undoing'], 'compensated');
}

/** Changes an entry that still has the status that is expected. */
export function mark(
  state: State,
  store: StoreName,
  name: OperationName,
  from: readonly Entry['status'][],
  to: Entry['status'],
): void {
  const { journal } = state.stores[store];
  const entry = journal[name];
  if (entry && from.includes(entry.status)) journal[name] = { ...entry, status: to };
}

/** A store takes a route of a higher number, or its own again. */
export function writeRoute(state: State, scenario: Scenario, name: StoreName, route: Route): boolean {
  const store = state.stores[name];
  const takes =
    scenario.fault === 'routes-without-number'
      ? route.epoch >= store.route.epoch
      : route.number > store.route.number || sameRoute(route, store.route);
  if (takes) store.route = route;
  return takes;
}

/** What the deciding store says of an operation, where this one has not decided it itself. */
export function settle(state: State, store: StoreName, name: OperationName, decided: Entry): void {
  const { journal } = state.stores[store];
  const entry = journal[name];
  if (entry?.status !== 'tentative' && entry?.status !== 'aborted') return;
  const isOwed = decided.status === 'pending' || decided.status === 'parked';
  const isUndone = decided.status === 'undoing';
  journal[name] = { ...decided, status: isOwed ? 'completed' : isUndone ? 'compensated' : decided.status };
}
