import { fingerprint } from './fingerprint.ts';
import { atRest, betweenSteps } from './invariants.ts';
import { initialState, type Scenario } from './scenario.ts';
import { copyState, type State } from './state.ts';
import { steps } from './steps.ts';
import { Violation } from './violation.ts';
import { Visited } from './visited.ts';

export interface Found {
  /** How many different states there are, as far as they were tried. */
  readonly states: number;
  /** The shortest way to a violation; null where there is none. */
  readonly violation: { readonly invariant: number; readonly message: string; readonly trace: string } | null;
}

const maxStates = 2_000_000;

/** Tries every order of the steps of a scenario, shortest first, and stops at the first violation. */
export function search(scenario: Scenario): Found {
  const first = initialState(scenario);
  const visited = new Visited();
  visited.add(fingerprint(first));
  // The way back to each state: the one that it came from, and the step.
  const parents: number[] = [-1];
  const labels: string[] = ['both stores have the rows; legacy is primary'];
  let frontier: { state: State; at: number }[] = [{ state: first, at: 0 }];
  while (frontier.length > 0) {
    if (visited.size > maxStates)
      throw new RangeError(`more than ${maxStates} states: has the protocol an end?`);
    const next: typeof frontier = [];
    for (const { state, at } of frontier) {
      let protocolSteps = 0;
      for (const step of steps(state, scenario)) {
        if (!step.isOptional) protocolSteps += 1;
        const after = copyState(state);
        const violation = violationOf(() => {
          step.take(after);
          betweenSteps(state, after);
        });
        if (violation) return found(visited.size, violation, trace(scenario, wayTo(at), step.label));
        if (!visited.add(fingerprint(after))) continue;
        parents.push(at);
        labels.push(step.label);
        next.push({ state: after, at: parents.length - 1 });
      }
      if (protocolSteps > 0) continue;
      const violation = violationOf(() => atRest(state, scenario));
      if (violation) return found(visited.size, violation, trace(scenario, wayTo(at), null));
    }
    frontier = next;
  }
  return { states: visited.size, violation: null };

  function wayTo(at: number): string[] {
    const way: string[] = [];
    for (let here = at; here > 0; here = parents[here] ?? -1) way.unshift(labels[here] ?? '');
    return way;
  }
}

function violationOf(work: () => void): Violation | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof Violation) return error;
    throw error;
  }
}

function found(states: number, { invariant, message }: Violation, trace: string): Found {
  return { states, violation: { invariant, message, trace } };
}

/** Every step, with what the stores have after it. */
function trace(scenario: Scenario, way: readonly string[], last: string | null): string {
  let state = initialState(scenario);
  const lines = [`   ${inStores(state)}`];
  for (const [index, label] of way.entries()) {
    const step = [...steps(state, scenario)].find((candidate) => candidate.label === label);
    if (!step) throw new TypeError(`the trace has lost its way at "${label}"`);
    state = copyState(state);
    step.take(state);
    lines.push(`${index + 1}. ${label}\n   ${inStores(state)}`);
  }
  lines.push(last === null ? 'nothing is left to do' : `${way.length + 1}. ${last}`);
  return lines.join('\n');
}

function inStores({ stores }: State): string {
  return Object.entries(stores)
    .map(([name, { route, rows, journal }]) => {
      const records = Object.entries(rows).map(([key, { value, version }]) => `${key}=${value}@${version}`);
      const entries = Object.entries(journal).flatMap(([id, entry]) =>
        entry ? [`${id}:${entry.status}@${entry.version}`] : [],
      );
      const stands = `${route.number}/${route.epoch} ${route.open ? 'open' : 'closed'} for ${route.primary}`;
      return `${name} (${stands}) ${[...records, ...entries].join(' ')}`;
    })
    .join(' | ');
}
