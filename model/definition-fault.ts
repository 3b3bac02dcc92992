import { LockstepError } from './failure.ts';

/** One thing that is wrong with a definition. The reason says what to do about it. */
export interface Fault {
  readonly path: string;
  readonly reason: string;
}

/** Throws one `InvalidDefinition` that lists all faults, each with its path; does nothing where there are none. */
export function throwFaults(faults: readonly Fault[]): void {
  const [first] = faults;
  if (!first) return;
  const lines = faults.map(({ path, reason }) => `${path}: ${reason}`);
  const message =
    lines.length === 1 ? lines.join() : `the definition has ${lines.length} faults:\n- ${lines.join('\n- ')}`;
  throw new LockstepError('InvalidDefinition', message, { path: first.path, faults });
}
