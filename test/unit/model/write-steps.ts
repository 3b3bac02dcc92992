import type { Scenario } from './scenario.ts';
import {
  newestRoute,
  type OperationName,
  operationNames,
  otherStore,
  type Result,
  type State,
  type Task,
} from './state.ts';
import type { Step } from './step.ts';
import {
  bump,
  close,
  closeAnywhere,
  compensate,
  complete,
  decide,
  mark,
  type Place,
  replicate,
  resultOf,
  settle,
  takeTentatively,
} from './transactions.ts';
import { Violation } from './violation.ts';

/** A service's sendings of its operations, their workflows, and the sweep from the journal. */
export function* writeSteps(state: State, scenario: Scenario): Generator<Step> {
  for (const name of operationNames) {
    // As long as the workflow of an id runs, whoever sends it again joins it.
    const runs = state.tasks.some((task) => task.operation === name && !task.isSweep);
    if (state.left.sends[name] === 0 || runs) continue;
    yield {
      label: `a service sends ${name}`,
      isOptional: true,
      take: (after) => {
        after.left.sends[name] -= 1;
        begin(after, newTask(after, name));
      },
    };
  }
  for (const [index, task] of state.tasks.entries()) {
    const who = `${task.isSweep ? 'the sweep of' : 'the workflow of'} ${task.operation}`;
    for (const step of taskSteps(state, scenario, task)) {
      yield {
        label: `${who} ${step.label}`,
        isOptional: step.isOptional === true,
        take: (after) => {
          const own = after.tasks[index];
          if (own && step.take(after, own) === 'over') after.tasks.splice(index, 1);
        },
      };
    }
  }
  yield* sweepSteps(state);
}

function newTask(state: State, operation: OperationName): Task {
  return {
    operation,
    isSweep: false,
    at: 'route',
    route: newestRoute(state),
    result: null,
    tentative: true,
    undoIn: null,
    carried: null,
    above: 0,
    inDoubt: false,
  };
}

/** In one order, so that it does not matter who was first. */
function begin(state: State, task: Task): void {
  state.tasks.push(task);
  const place = ({ operation, isSweep }: Task) => `${operation}${isSweep}`;
  state.tasks.sort((one, other) => (place(one) < place(other) ? -1 : 1));
}

interface TaskStep {
  readonly label: string;
  readonly isOptional?: true;
  readonly take: (state: State, task: Task) => 'over' | undefined;
}

function* taskSteps(state: State, scenario: Scenario, task: Task): Generator<TaskStep> {
  const { operation: name, route } = task;
  const { key, pattern } = scenario.operations[name];
  const primary: Place = { store: route.primary, epoch: route.epoch };
  const secondary: Place = { store: otherStore(route.primary), epoch: route.epoch };
  const isParallel = pattern === 'parallel';

  if (isParallel && task.tentative && task.at !== 'route') {
    const over = (after: State, own: Task) => {
      own.tentative = false;
      own.undoIn = secondary.store;
      return own.at === 'decided' ? proceed(after, scenario, own) : undefined;
    };
    yield {
      label: `writes ${key} at the secondary, ${secondary.store}, tentatively`,
      take: (after, own) => {
        takeTentatively(after, scenario, name, secondary);
        return over(after, own);
      },
    };
    yield { label: 'has no answer from the secondary', take: over };
    if (state.left.late > 0) {
      yield {
        label: 'leaves a tentative write on its way',
        take: (after, own) => {
          after.left.late -= 1;
          after.late.push({ kind: 'tentative', operation: name, ...secondary });
          return over(after, own);
        },
      };
    }
  }

  switch (task.at) {
    case 'route':
      if (newestRoute(state).open) {
        yield {
          label: 'takes the route',
          take: (after, own) => {
            own.route = newestRoute(after);
            own.at = 'write';
            return undefined;
          },
        };
      }
      return;
    case 'write':
      yield {
        label: `writes ${key} at ${primary.store} under epoch ${primary.epoch}`,
        take: (after, own) => answered(after, scenario, own, decide(after, scenario, name, primary)),
      };
      if (state.left.lostAnswers > 0) {
        yield {
          label: `writes ${key} at ${primary.store} under epoch ${primary.epoch}, and the answer is lost`,
          take: (after, own) => {
            after.left.lostAnswers -= 1;
            own.inDoubt = true;
            decide(after, scenario, name, primary);
            return undefined;
          },
        };
      }
      if (state.left.late > 0) {
        yield {
          label: `leaves its write at ${primary.store} under epoch ${primary.epoch} on its way`,
          take: (after, own) => {
            after.left.late -= 1;
            after.late.push({ kind: 'write', operation: name, ...primary });
            own.inDoubt = true;
            return undefined;
          },
        };
      }
      if (task.inDoubt) {
        yield {
          label: 'gives up',
          take: (_, own) => {
            own.at = 'close';
            return undefined;
          },
        };
      }
      return;
    case 'close':
      yield {
        label: `closes its id at ${primary.store}`,
        take: (after, own) => answered(after, scenario, own, close(after, scenario, name, primary)),
      };
      return;
    case 'decided':
      // Waits for the secondary's part.
      return;
    case 'withdraw':
      if (newestRoute(state).open) {
        yield { label: 'begins to undo it', take: (after, own) => withdraw(after, scenario, own) };
      }
      return;
    case 'close-primary':
      yield {
        label: `closes its id at the primary, ${primary.store}`,
        take: (after, own) => {
          own.result = resultOf(closeAnywhere(after, scenario, name, primary.store));
          own.at = 'close-secondary';
          return undefined;
        },
      };
      return;
    case 'close-secondary':
      yield {
        label: `closes its id at the secondary, ${secondary.store}`,
        take: (after, own) => {
          const { status } = closeAnywhere(after, scenario, name, secondary.store);
          own.at = status === 'tentative' && own.result !== 'applied' ? 'look' : 'settle';
          return undefined;
        },
      };
      return;
    case 'look':
      yield {
        label: `looks at ${key} at ${primary.store}`,
        take: (after, own) => {
          own.carried = after.stores[primary.store].rows[key];
          own.at = 'compare';
          return undefined;
        },
      };
      return;
    case 'compare':
      yield {
        label: `compares ${key} at ${secondary.store}`,
        take: (after, own) => compare(after, scenario, own),
      };
      return;
    case 'bump':
      yield {
        label: `gives ${key} a newer version at ${primary.store} under epoch ${primary.epoch}`,
        take: (after, own) => raise(after, scenario, own),
      };
      return;
    case 'compensate':
      yield {
        label: `compensates ${key} at ${primary.store} under epoch ${primary.epoch}`,
        take: (after, own) => {
          if (compensate(after, scenario, name, primary) === 'fenced') return startAgain(own);
          own.at = 'read';
          return undefined;
        },
      };
      return;
    case 'read':
      yield {
        label: `reads ${key} at ${primary.store}`,
        take: (after, own) => {
          own.carried = after.stores[primary.store].rows[key];
          own.at = 'apply';
          return undefined;
        },
      };
      return;
    case 'apply':
      yield {
        label: `applies ${key} at ${secondary.store} under epoch ${secondary.epoch}`,
        take: (after, own) => apply(after, scenario, own),
      };
      return;
    case 'mark':
      yield {
        label: `writes down at ${primary.store} that both stores have it`,
        take: (after, own) => finish(after, scenario, own),
      };
      return;
    case 'settle':
      yield {
        label: `settles it at ${secondary.store}`,
        take: (after, own) => {
          const decided = after.stores[primary.store].journal[name];
          if (decided) settle(after, secondary.store, name, decided);
          tell(after, own);
          return 'over';
        },
      };
      return;
    case 'parked':
      for (const [word, at] of [
        ['retry', 'read'],
        ['compensate', 'compensate'],
      ] as const) {
        yield {
          label: `is told to ${word}`,
          isOptional: true,
          take: (_, own) => {
            own.at = at;
            own.result = word === 'retry' ? 'applied' : 'compensated';
            return undefined;
          },
        };
      }
      return;
  }
}

/** What the primary has said. */
function answered(
  state: State,
  scenario: Scenario,
  task: Task,
  result: Result | 'fenced',
): 'over' | undefined {
  if (result === 'fenced') return startAgain(task);
  task.result = result;
  if (scenario.operations[task.operation].pattern === 'parallel' && task.tentative) {
    task.at = 'decided';
    return undefined;
  }
  return proceed(state, scenario, task);
}

/** A workflow asks for the route again; a sweep leaves it to the next one. */
function startAgain(task: Task): 'over' | undefined {
  if (task.isSweep) return 'over';
  task.at = 'route';
  return undefined;
}

function proceed(state: State, scenario: Scenario, task: Task): 'over' | undefined {
  const { operation: name, route, result } = task;
  const isParallel = scenario.operations[name].pattern === 'parallel';
  if (result === 'applied') {
    // The caller of a parallel write is answered when the secondary has not refused it.
    if (!isParallel) tell(state, task);
    const isOwed = state.stores[route.primary].journal[name]?.status !== 'completed';
    task.at = isOwed ? 'read' : 'settle';
    return undefined;
  }
  if (task.undoIn !== null) {
    task.at = 'withdraw';
    return undefined;
  }
  tell(state, task);
  return 'over';
}

/**
 * The primary has refused: the secondary is brought back to what the primary has. Once the store that took it is the primary
 * itself, the change has done so.
 */
function withdraw(state: State, scenario: Scenario, task: Task): 'over' | undefined {
  const route = newestRoute(state);
  if (route.primary === task.undoIn && scenario.fault !== 'undo-from-own-image') {
    tell(state, task);
    return 'over';
  }
  task.route = route;
  task.at = scenario.fault === 'undo-from-own-image' ? 'look' : 'close-primary';
  return undefined;
}

function compare(state: State, scenario: Scenario, task: Task): 'over' | undefined {
  const { operation: name, route, carried } = task;
  const other = state.stores[otherStore(route.primary)].rows[scenario.operations[name].key];
  if (!carried) throw new TypeError('nothing was looked at');
  // The record of a secondary never speaks of more than the primary's: a primary that is behind was set back.
  if (other.version > carried.version && scenario.fault !== 'undo-from-restored') {
    mark(state, otherStore(route.primary), name, ['tentative'], 'parked');
    return 'over';
  }
  const isNewer = carried.version > other.version;
  const isEqual = carried.value === other.value && !isNewer;
  // What is newer arrives as it is; a version is raised only where the secondary would not take it.
  task.at = isEqual ? 'settle' : isNewer ? 'read' : 'bump';
  if (task.at === 'bump') task.above = other.version;
  else task.carried = null;
  return undefined;
}

function raise(state: State, scenario: Scenario, task: Task): 'over' | undefined {
  const { operation: name, route, carried, above } = task;
  const { key } = scenario.operations[name];
  const at = { store: route.primary, epoch: route.epoch };
  const done = bump(state, { key, read: carried?.version ?? 0, above, at, closed: false });
  task.carried = null;
  task.above = 0;
  if (done === 'fenced' && task.isSweep) return 'over';
  task.at = ({ done: 'read', stale: 'look', fenced: 'withdraw' } as const)[done];
  return undefined;
}

function apply(state: State, scenario: Scenario, task: Task): 'over' | undefined {
  const { operation: name, route, carried, result } = task;
  const { key, pattern } = scenario.operations[name];
  if (!carried) throw new TypeError('nothing is carried');
  const at = { store: otherStore(route.primary), epoch: route.epoch };
  const outcome = replicate(state, scenario, { key, row: carried, at });
  task.carried = null;
  if (result === 'refused' || result === 'aborted') {
    if (outcome === 'fenced' && task.isSweep) return 'over';
    task.at = outcome === 'fenced' ? 'withdraw' : 'settle';
    return undefined;
  }
  if (outcome === 'fenced') return startAgain(task);
  if (outcome === 'done') {
    task.at = 'mark';
    return undefined;
  }
  if (pattern === 'parallel' && !task.isSweep) {
    task.result = 'compensated';
    task.at = 'compensate';
    return undefined;
  }
  mark(state, route.primary, name, ['pending'], 'parked');
  if (state.stores[route.primary].journal[name]?.status !== 'parked') return 'over';
  task.at = 'parked';
  return undefined;
}

function finish(state: State, scenario: Scenario, task: Task): 'over' | undefined {
  const { operation: name, route, result } = task;
  if (scenario.fault === 'undo-looks-pending' && result === 'compensated') {
    mark(state, route.primary, name, ['pending', 'parked', 'completed'], 'compensated');
  }
  complete(state, route.primary, name);
  if (scenario.operations[name].pattern === 'parallel') {
    task.at = 'settle';
    return undefined;
  }
  tell(state, task);
  return 'over';
}

function tell(state: State, { operation: name, isSweep, result }: Task): void {
  if (isSweep || result === null) return;
  const { told, effects, restored } = state.seen;
  const before = told[name];
  if (restored === null && result === 'applied' && effects[name] === 0) {
    throw new Violation(2, `${name} is acknowledged and never took effect`);
  }
  if (restored === null && (result === 'refused' || result === 'aborted') && effects[name] > 0) {
    throw new Violation(2, `the caller of ${name} is told that it is ${result}, and it took effect`);
  }
  // What an operator has compensated is told as that.
  if (restored === null && before !== null && before !== result && result !== 'compensated') {
    throw new Violation(14, `${name} was ${before} the first time, and is ${result} when it is sent again`);
  }
  told[name] = before ?? result;
}

/** What the journals say is owed, and nobody works for. */
function* sweepSteps(state: State): Generator<Step> {
  const route = newestRoute(state);
  if (!route.open || state.tasks.some((task) => task.isSweep)) return;
  const at = { primary: route.primary, secondary: otherStore(route.primary) };
  for (const name of operationNames) {
    const lives = state.tasks.some((task) => task.operation === name);
    if (lives && state.left.eagerSweeps === 0) continue;
    const status = state.stores[at.primary].journal[name]?.status ?? null;
    const begins = beginning(status, state.stores[at.secondary].journal[name]?.status ?? null);
    if (begins === null) continue;
    yield {
      label: `a sweep takes ${name}`,
      isOptional: begins === 'parked' || lives,
      take: (after) => {
        if (lives) after.left.eagerSweeps -= 1;
        begin(after, {
          ...newTask(after, name),
          isSweep: true,
          tentative: false,
          at: begins,
          result: begins === 'close-primary' ? null : status === 'undoing' ? 'compensated' : 'applied',
        });
      },
    };
  }
}

function beginning(decided: string | null, other: string | null): 'read' | 'close-primary' | 'parked' | null {
  if (decided === 'pending' || decided === 'undoing') return 'read';
  if (decided === 'parked') return 'parked';
  // What the secondary has taken is nothing until the primary has decided; a sweep asks it, and closes the id there.
  return other === 'tentative' ? 'close-primary' : null;
}
