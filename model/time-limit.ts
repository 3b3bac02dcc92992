import { LockstepError } from './failure.ts';

/** A timer takes no more, and ends at once where it is given more. */
const longestMs = 2 ** 31 - 1;

/** Gives up waiting after so many milliseconds. What was begun goes on, and nobody hears of it. */
export function withinLimit<T>(work: Promise<T>, limitMs: number, error: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(error()), limitMs);
    work.then(
      (result) => {
        clearTimeout(timer);
        resolve(result);
      },
      (failure: unknown) => {
        clearTimeout(timer);
        reject(failure);
      },
    );
  });
}

/** Throws `InvalidInput` where an option's value is no time that can be waited for. */
export function assertTimeLimit(name: string, value: number): void {
  if (Number.isFinite(value) && value > 0 && value <= longestMs) return;
  throw new LockstepError(
    'InvalidInput',
    `${name} is ${value}, and must be a number of milliseconds above 0 and up to ${longestMs}`,
  );
}
