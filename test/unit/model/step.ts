import type { State } from './state.ts';

/** Something that may happen next, as one transaction of one store or as one event. */
export interface Step {
  readonly label: string;
  /** It may never happen: a service's wish, an operator's, or a fault. */
  readonly isOptional: boolean;
  /** Changes the state that it is given. */
  readonly take: (state: State) => void;
}
