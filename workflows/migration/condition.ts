import { failureIn } from '../../model/carried-failure.ts';
import type { StoreName } from '../../model/failure.ts';
import { elsewhere } from '../activities.ts';
import { failure, messageOf } from '../failures.ts';
import type { Condition, MigrationInput } from '../messages.ts';

/** Conditions of a gate, and what becomes of those that are not met. */

/** How a step goes through a gate. */
export interface Passage {
  readonly force: boolean;
  /** What it passed by force so far. */
  readonly passed: Condition[];
}

type Described = Pick<Condition, 'measured' | 'wanted'>;

export const met = (name: string, described: Described, forcible = false): Condition => ({
  name,
  met: true,
  ...described,
  forcible,
  remedy: null,
});

export const unmet = (
  name: string,
  { remedy, ...described }: Described & { readonly remedy: string },
  forcible = false,
): Condition => ({ name, met: false, ...described, forcible, remedy });

/** Throws what the first condition that is not met refuses with; by force, only what protects data refuses. */
export function pass(gate: string, conditions: readonly Condition[], passage: Passage): void {
  for (const condition of conditions) {
    if (condition.met) continue;
    if (!passage.force || !condition.forcible) throw refused(gate, condition);
    passage.passed.push(condition);
  }
}

function refused(gate: string, { name, measured, remedy, forcible }: Condition) {
  const shown = Object.entries(measured)
    .map(([measure, value]) => `${measure} ${value}`)
    .join(', ');
  const known = remedy ?? '';
  return failure('GateRefused', `the gate of ${gate} refuses (${shown}): ${known}`, {
    gate,
    condition: name,
    measured,
    forcible,
    remedy: known,
  });
}

export const bothStores: readonly StoreName[] = ['legacy', 'modern'];

/** Both stores answer, and are prepared for the definition that the migration runs by. */
export async function reachable(digests?: MigrationInput['digests']): Promise<Condition> {
  const wanted = 'both stores answer';
  try {
    await elsewhere.checkStores({ stores: bothStores, ...(digests ? { digests } : {}) });
    return met('reachable', { measured: { reachable: true }, wanted });
  } catch (error) {
    const known = failureIn(error);
    if (known !== null && known.code !== 'StoreUnavailable') throw error;
    return unmet('reachable', { measured: { reachable: false }, wanted, remedy: messageOf(error) });
  }
}

/** For a step that may leave a store behind: one that does not answer then has no say. */
export async function bothAnswer(): Promise<boolean> {
  try {
    await elsewhere.checkStores({ stores: bothStores });
    return true;
  } catch {
    return false;
  }
}

/** A step forward that needs both stores is not begun while one of them is unavailable. */
export async function assertReachable(gate: string): Promise<void> {
  pass(gate, [await reachable()], { force: false, passed: [] });
}
