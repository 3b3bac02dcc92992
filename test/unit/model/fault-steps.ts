import type { Scenario } from './scenario.ts';
import {
  copyStore,
  keys,
  newestRoute,
  operationNames,
  otherStore,
  type State,
  type StoreName,
  storeNames,
} from './state.ts';
import type { Step } from './step.ts';
import { decide, takeTentatively, writeRoute } from './transactions.ts';

/** What happens to the protocol from outside. */
export function* faultSteps(state: State, scenario: Scenario): Generator<Step> {
  yield* lateSteps(state, scenario);
  yield* lossSteps(state);
  yield* restoreSteps(state, scenario);
}

/** An attempt that nobody waits for commits after all. */
function* lateSteps(state: State, scenario: Scenario): Generator<Step> {
  for (const [index, late] of state.late.entries()) {
    const what = late.kind === 'route' ? `route ${late.route.number}` : `${late.kind} of ${late.operation}`;
    yield {
      label: `the late ${what} arrives at ${late.store}`,
      isOptional: true,
      take: (after) => {
        after.late.splice(index, 1);
        if (late.kind === 'write') decide(after, scenario, late.operation, late);
        else if (late.kind === 'tentative') takeTentatively(after, scenario, late.operation, late);
        else writeRoute(after, scenario, late.store, late.route);
      },
    };
  }
}

/** Temporal's state is gone, or a workflow was terminated. */
function* lossSteps(state: State): Generator<Step> {
  if (state.left.losses === 0) return;
  for (const [index, task] of state.tasks.entries()) {
    if (task.isSweep) continue;
    yield {
      label: `the workflow of ${task.operation} is lost`,
      isOptional: true,
      take: (after) => {
        after.left.losses -= 1;
        after.tasks.splice(index, 1);
      },
    };
  }
  if (state.change) {
    yield {
      label: 'the workflow of the migration is lost',
      isOptional: true,
      take: (after) => {
        after.left.losses -= 1;
        after.change = null;
      },
    };
  }
}

function* restoreSteps(state: State, scenario: Scenario): Generator<Step> {
  const { left, copy, seen } = state;
  if (left.copies > 0) {
    for (const of of storeNames) {
      yield {
        label: `${of} is copied`,
        isOptional: true,
        take: (after) => {
          after.left.copies -= 1;
          after.copy = { of, store: copyStore(after.stores[of]) };
        },
      };
    }
  }
  if (copy && left.restores > 0) {
    yield {
      label: `${copy.of} is set back to its copy`,
      isOptional: true,
      take: (after) => {
        after.left.restores -= 1;
        after.stores[copy.of] = copyStore(copy.store);
        after.seen.restored = copy.of;
        // A restore takes longer than an attempt, and than the lease of a client's route.
        after.late = after.late.filter(({ store }) => store !== copy.of);
        for (const task of after.tasks) if (task.at === 'write' || task.at === 'close') task.at = 'route';
      },
    };
  }
  const restored = seen.restored;
  if (restored === null || left.restores > 0 || state.tasks.length > 0 || state.change) return;
  yield* takeBack(state, scenario, restored);
}

/** What a person does about a store that was set back: per key the higher version wins, and the other journal is asked. */
function* takeBack(state: State, scenario: Scenario, restored: StoreName): Generator<Step> {
  const other = otherStore(restored);
  const { primary } = newestRoute(state);
  for (const key of keys) {
    if (state.stores[restored].rows[key].version === state.stores[other].rows[key].version) continue;
    yield {
      label: `a person takes the newer ${key}`,
      isOptional: false,
      take: ({ stores }) => {
        const isLegacy =
          scenario.fault === 'repair-from-restored'
            ? restored === 'legacy'
            : stores.legacy.rows[key].version > stores.modern.rows[key].version;
        const [from, to] = isLegacy ? [stores.legacy, stores.modern] : [stores.modern, stores.legacy];
        // A repair from a store that is behind raises its version first, or the other one would not take it.
        if (from.rows[key].version < to.rows[key].version) {
          from.rows[key] = { ...from.rows[key], version: to.rows[key].version + 1 };
        }
        to.rows[key] = from.rows[key];
      },
    };
  }
  for (const name of operationNames) {
    const entry = state.stores[restored].journal[name];
    const known = state.stores[other].journal[name];
    const isStale =
      primary === restored ? entry?.status === 'tentative' && known !== null : entry?.status === 'pending';
    if (isStale) {
      yield {
        label: `a person asks the other journal for ${name}`,
        isOptional: false,
        take: ({ stores }) => {
          stores[restored].journal[name] = known && { ...known };
        },
      };
    }
  }
}
