import type { Scenario } from './scenario.ts';
import {
  type Key,
  keys,
  operationNames,
  type State,
  type StoreName,
  sameRoute,
  storeNames,
} from './state.ts';
import { Violation } from './violation.ts';

/** What no step may do. */
export function betweenSteps(before: State, after: State): void {
  onePrimary(after);
  for (const store of storeNames) {
    // Setting a store back is the fault, not the protocol's step.
    if (after.left.restores < before.left.restores && after.copy?.of === store) continue;
    if (after.stores[store].route.number < before.stores[store].route.number) {
      throw new Violation(6, `${store} goes back to an older route`);
    }
    for (const key of keys) rowGoesOn(before, after, store, key);
  }
}

function onePrimary({ stores: { legacy, modern }, seen }: State): void {
  if (seen.restored !== null) return;
  const both =
    legacy.route.open &&
    legacy.route.primary === 'legacy' &&
    modern.route.open &&
    modern.route.primary === 'modern';
  if (both) throw new Violation(6, 'both stores are open as primary');
}

function rowGoesOn(before: State, after: State, store: StoreName, key: Key): void {
  const old = before.stores[store].rows[key];
  const row = after.stores[store].rows[key];
  if (row.version < old.version) {
    throw new Violation(3, `${key} goes back from version ${old.version} to ${row.version} in ${store}`);
  }
  // Rows of which the record does not speak are not the record's yet.
  if (row.version === old.version && row.value !== old.value && !row.isTentative) {
    const invariant = old.value === null ? 5 : 4;
    throw new Violation(
      invariant,
      `${key} changes from ${old.value} to ${row.value} in ${store} at version ${row.version}`,
    );
  }
  if (row.origin < old.origin) {
    throw new Violation(16, `an older ${key} replaces a newer one in ${store}`);
  }
}

/** What holds once nobody has anything left to do. */
export function atRest(state: State, scenario: Scenario): void {
  const { legacy, modern } = state.stores;
  if (!sameRoute(legacy.route, modern.route) || !legacy.route.open || state.change) {
    throw new Violation(1, 'the route stays half changed');
  }
  const parked = operationNames.filter((name) =>
    storeNames.some((store) => state.stores[store].journal[name]?.status === 'parked'),
  );
  const waiting = state.tasks.filter((task) => task.at !== 'parked');
  if (waiting.length > 0) throw new Violation(1, `the workflow of ${waiting[0]?.operation} stands still`);
  const isOpen = (key: Key) => parked.some((name) => scenario.operations[name].key === key);
  for (const key of keys) {
    if (isOpen(key)) continue;
    const one = legacy.rows[key];
    const other = modern.rows[key];
    if (one.version === other.version && one.value !== other.value) {
      throw new Violation(
        4,
        `${key} is ${one.value} in legacy and ${other.value} in modern, both at ${one.version}`,
      );
    }
    if (one.version !== other.version) throw new Violation(1, `${key} is not the same in both stores`);
    const truth = state.seen.truth[key];
    if (state.seen.restored === null && (one.value !== truth.value || one.version !== truth.version)) {
      throw new Violation(
        legacy.route.epoch > 1 ? 10 : 1,
        `${key} is ${one.value}@${one.version} in both stores; ${truth.value}@${truth.version} was decided`,
      );
    }
  }
  for (const name of operationNames) {
    if (isOpen(scenario.operations[name].key)) continue;
    for (const store of storeNames) {
      const status = state.stores[store].journal[name]?.status;
      if (status === 'pending' || status === 'undoing' || status === 'tentative') {
        throw new Violation(1, `${name} stays ${status} in ${store}`);
      }
    }
  }
}
