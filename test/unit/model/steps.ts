import { changeSteps } from './change-steps.ts';
import { faultSteps } from './fault-steps.ts';
import type { Scenario } from './scenario.ts';
import type { State } from './state.ts';
import type { Step } from './step.ts';
import { writeSteps } from './write-steps.ts';

/** Whatever may happen in a state. */
export function* steps(state: State, scenario: Scenario): Generator<Step> {
  yield* writeSteps(state, scenario);
  yield* changeSteps(state, scenario);
  yield* faultSteps(state, scenario);
}
