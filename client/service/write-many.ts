import { LockstepError } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { Receipt } from './receipt.ts';

/** What became of one of many writes. */
export type WriteOutcome<R extends Receipt = Receipt> =
  | { readonly receipt: R }
  | { readonly error: LockstepError };

export interface WriteManyLimits {
  /** How many are under way at a time. */
  readonly concurrency: number;
  readonly whenReady: () => Promise<void>;
}

/** Carries out many writes, no more at a time than groups can take; one that is refused fails none of the others. */
export async function writeMany<R extends Receipt>(
  writes: Iterable<() => Promise<R>>,
  { concurrency, whenReady }: WriteManyLimits,
): Promise<readonly WriteOutcome<R>[]> {
  if (typeof (writes as Partial<typeof writes> | null)?.[Symbol.iterator] !== 'function')
    throw new LockstepError(
      'InvalidInput',
      'what was given is no list of writes; pass functions that begin them, such as () => repository.create(one)',
    );
  const outcomes: WriteOutcome<R>[] = [];
  const left = writes[Symbol.iterator]();
  let position = 0;
  const work = async () => {
    for (let next = left.next(); !next.done; next = left.next()) {
      const at = position;
      position += 1;
      // Types do not hold everybody, and what is under way already cannot be begun here.
      if (typeof next.value !== 'function')
        throw new LockstepError(
          'InvalidInput',
          `write ${at + 1} is no function; pass () => repository.create(one), and not what it gives`,
        );
      outcomes[at] = await outcomeOf(next.value, whenReady);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return outcomes;
}

/** A write that did not get its turn was not started: it is sent again when there is room. */
async function outcomeOf<R extends Receipt>(
  write: () => Promise<R>,
  whenReady: () => Promise<void>,
): Promise<WriteOutcome<R>> {
  for (;;) {
    try {
      return { receipt: await write() };
    } catch (error) {
      if (!isLockstepError(error)) throw error;
      if (error.code !== 'Overloaded') return { error };
      await whenReady();
    }
  }
}
