import { keyText } from '../../model/canonical.ts';
import type { Operation } from '../../model/operation.ts';

/** How long a call for a group waits for a key that somebody holds, before the others go on without it. */
export const groupLockWaitMs = 1_000;

/**
 * Writes of one entity in rounds, one call each, so that those of a key keep their order. A call takes a key's writes in their
 * order too, but for an update: its image is computed from what is there before the call.
 */
export function roundsOf<T>(
  writes: readonly T[],
  operationOf: (write: T) => Pick<Operation, 'key' | 'kind'>,
): readonly (readonly T[])[] {
  const rounds: T[][] = [];
  const last = new Map<string, { round: number; isUpdate: boolean }>();
  for (const write of writes) {
    const { key, kind } = operationOf(write);
    const before = last.get(keyText(key));
    const isUpdate = kind === 'update';
    const round = before ? before.round + (isUpdate || before.isUpdate ? 1 : 0) : 0;
    last.set(keyText(key), { round, isUpdate });
    const own = rounds[round] ?? [];
    own.push(write);
    rounds[round] = own;
  }
  return rounds;
}
