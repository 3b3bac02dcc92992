import { changeSteps } from './change-steps.ts';
import { faultSteps } from './fault-steps.ts';
import type { Scenario } from './scenario.ts';
import type { State } from './state.ts';
import { writeSteps } from './write-steps.ts';

/** Something that may happen next, as one transaction of one store or as one event. */
export interface Step {
  readonly label: string;
  /** It may never happen: a service's wish, an operator's, or a fault. */
  readonly isOptional: boolean;
  /** Changes the state that it is given. */
  readonly take: (state: State) => void;
}

/** Whatever may happen in a state. */
export function* steps(state: State, scenario: Scenario): Generator<Step> {
  yield* writeSteps(state, scenario);
  yield* changeSteps(state, scenario);
  yield* faultSteps(state, scenario);
}
