import type { Scenario } from './scenario.ts';
import {
  type Change,
  type ChangeStep,
  newestRoute,
  type OperationName,
  operationNames,
  otherStore,
  type Route,
  type State,
  type StoreName,
  sameRoute,
  storeNames,
} from './state.ts';
import type { Step } from './step.ts';
import { bump, complete, mark, replicate, settle, writeRoute } from './transactions.ts';

/** Changes of route, and what brings a route together again that was left half changed. */
export function* changeSteps(state: State, scenario: Scenario): Generator<Step> {
  const { change, left } = state;
  if (change) {
    yield* underWay(state, scenario, change);
    return;
  }
  const route = newestRoute(state);
  const { legacy, modern } = state.stores;
  if (sameRoute(legacy.route, modern.route) && route.open) {
    if (left.changes > 0 && (state.seen.restored === null || scenario.fault === 'repair-from-restored')) {
      yield {
        label: `the primary is to change from ${route.primary}`,
        isOptional: true,
        take: (after) => {
          after.left.changes -= 1;
          after.change = changeOfPrimary(route, scenario);
        },
      };
    }
    if (left.shares > 0) {
      yield {
        label: `the share is to become ${route.share + 1}`,
        isOptional: true,
        take: (after) => {
          after.left.shares -= 1;
          const next = { ...route, number: route.number + 1, share: route.share + 1 };
          after.change = {
            steps: [to(otherStore(route.primary), next), to(route.primary, next)],
            back: null,
          };
        },
      };
    }
    return;
  }
  yield {
    label: 'the workflow of the migration starts again',
    isOptional: false,
    take: (after) => {
      after.change = recovery(after);
    },
  };
}

function to(store: StoreName, route: Route, isFinal = false): ChangeStep {
  return { kind: 'route', store, route, isFinal };
}

/** Close the old primary, close the new one, drain, open the new primary, open the old one. */
function changeOfPrimary(before: Route, scenario: Scenario): Change {
  const from = before.primary;
  const next = otherStore(from);
  const closed: Route = { ...before, number: before.number + 1, epoch: before.epoch + 1, open: false };
  const opened: Route = {
    ...closed,
    number: closed.number + 1,
    epoch: closed.epoch + 1,
    open: true,
    primary: next,
  };
  const reopened: Route = { ...opened, primary: from };
  const drain: ChangeStep = { kind: 'drain', from, epoch: closed.epoch };
  const closing = [to(from, closed), to(next, closed)];
  return {
    steps: [
      // Writes of the old epoch go on at the old primary while it is drained.
      ...(scenario.fault === 'drain-while-open'
        ? [...closing.slice(1), drain, ...closing.slice(0, 1)]
        : [...closing, drain]),
      to(next, opened, true),
      to(from, opened),
    ],
    back: [to(from, reopened), to(next, reopened)],
  };
}

/**
 * What the stores say is all that is known. An open route is told to the store that lags. A closed one is closed once more under
 * the next number, first in the store that an opening on its way could still reach, and then the old primary is opened again.
 */
function recovery(state: State): Change {
  const { legacy, modern } = state.stores;
  const newest = newestRoute(state);
  const isTie = legacy.route.number === modern.route.number;
  if (newest.open && !isTie) {
    return { steps: storeNames.map((store) => to(store, newest)), back: null };
  }
  const { primary } = newest;
  const other = otherStore(primary);
  const epoch = Math.max(legacy.route.epoch, modern.route.epoch) + 1;
  const closed: Route = { ...newest, number: newest.number + 1, epoch, open: false };
  const reopened: Route = { ...closed, number: closed.number + 1, epoch: epoch + 1, open: true };
  return {
    steps: [to(other, closed), to(primary, closed), to(primary, reopened), to(other, reopened)],
    back: null,
  };
}

function* underWay(state: State, scenario: Scenario, { steps, back }: Change): Generator<Step> {
  if (back && state.left.givenUpChanges > 0) {
    yield {
      label: 'the change is given up',
      isOptional: true,
      take: (after) => {
        after.left.givenUpChanges -= 1;
        after.change = { steps: back, back: null };
      },
    };
  }
  const [step, ...rest] = steps;
  if (!step) throw new TypeError('a change without steps is over');
  if (step.kind === 'drain') {
    yield* drainSteps(state, scenario, step, { steps: rest, back });
    return;
  }
  const { store, route, isFinal } = step;
  const forward = isFinal ? null : back;
  const what = `${route.number}/${route.epoch}, ${route.open ? 'open' : 'closed'} for ${route.primary}`;
  yield {
    label: `${store} is given the route ${what}`,
    isOptional: false,
    take: (after) => {
      const isTaken = writeRoute(after, scenario, store, route);
      // Another route came between: the workflow looks at the stores again.
      after.change = isTaken && rest.length > 0 ? { steps: rest, back: forward } : null;
    },
  };
  if (state.left.late > 0) {
    yield {
      label: `the route ${what} for ${store} is on its way`,
      isOptional: true,
      take: (after) => {
        after.left.late -= 1;
        after.late.push({ kind: 'route', store, route });
        after.change = { steps, back: forward };
      },
    };
  }
}

/** One entry after another: what is pending is replicated, what is tentative is decided, and every id is copied. */
function* drainSteps(
  state: State,
  scenario: Scenario,
  { from, epoch }: Extract<ChangeStep, { kind: 'drain' }>,
  then: Change,
): Generator<Step> {
  const old = state.stores[from].journal;
  const next = state.stores[otherStore(from)].journal;
  const isParked = operationNames.some(
    (name) => old[name]?.status === 'parked' || next[name]?.status === 'parked',
  );
  if (then.back && isParked) {
    const { back } = then;
    yield {
      label: 'the drain refuses: an operation is parked',
      isOptional: false,
      take: (after) => {
        after.change = { steps: back, back: null };
      },
    };
    return;
  }
  let isDrained = true;
  for (const name of operationNames) {
    const isPending = old[name]?.status === 'pending' || old[name]?.status === 'undoing';
    const isTentative = next[name]?.status === 'tentative';
    const isUnknown = old[name] !== null && next[name]?.status !== old[name].status && !isTentative;
    if (isPending) {
      yield drainStep(`replicates ${name}`, (after) =>
        replicatePending(after, scenario, name, { from, epoch }),
      );
    } else if (
      isTentative &&
      scenario.fault !== 'undo-from-own-image' &&
      scenario.fault !== 'tentative-read-as-decision'
    ) {
      yield drainStep(`decides the tentative ${name}`, (after) =>
        resolveTentative(after, scenario, name, { from, epoch }),
      );
    } else if (isUnknown && scenario.fault !== 'ids-stay-behind') {
      yield drainStep(`copies the id ${name}`, (after) => copyId(after, name, from));
    } else continue;
    isDrained = false;
  }
  if (!isDrained) return;
  yield drainStep('is done', (after) => {
    // A store that was set back meanwhile is not closed any more.
    const isClosed = state.stores[from].route.epoch === epoch || scenario.fault === 'drain-while-open';
    after.change = isClosed ? then : null;
  });
}

function drainStep(what: string, take: Step['take']): Step {
  return { label: `the drain ${what}`, isOptional: false, take };
}

interface Drain {
  readonly from: StoreName;
  readonly epoch: number;
}

function replicatePending(
  state: State,
  scenario: Scenario,
  name: OperationName,
  { from, epoch }: Drain,
): void {
  const { key } = scenario.operations[name];
  const at = { store: otherStore(from), epoch };
  const outcome = replicate(state, scenario, { key, row: state.stores[from].rows[key], at });
  if (outcome === 'done') complete(state, from, name);
  if (outcome === 'refused') mark(state, from, name, ['pending'], 'parked');
  if (outcome === 'fenced') state.change = null;
}

/** By what the old primary has decided. Where it has not, nothing was decided, and the id is free again. */
function resolveTentative(
  state: State,
  scenario: Scenario,
  name: OperationName,
  { from, epoch }: Drain,
): void {
  const { key } = scenario.operations[name];
  const store = otherStore(from);
  const decided = state.stores[from].journal[name];
  const [row, other] = [state.stores[from].rows[key], state.stores[store].rows[key]];
  if (other.version > row.version && scenario.fault !== 'undo-from-restored') {
    mark(state, store, name, ['tentative'], 'parked');
    return;
  }
  if (decided?.status !== 'completed' && (row.value !== other.value || row.version > other.version)) {
    if (row.version <= other.version) {
      const at = { store: from, epoch };
      const raised = bump(state, { key, read: row.version, above: other.version, at, closed: true });
      if (raised === 'fenced') {
        state.change = null;
        return;
      }
    }
    const raised = state.stores[from].rows[key];
    if (replicate(state, scenario, { key, row: raised, at: { store, epoch } }) === 'fenced') {
      state.change = null;
      return;
    }
  }
  if (decided) settle(state, store, name, decided);
  else state.stores[store].journal[name] = null;
}

function copyId(state: State, name: OperationName, from: StoreName): void {
  const entry = state.stores[from].journal[name];
  if (entry) state.stores[otherStore(from)].journal[name] = { ...entry };
}
