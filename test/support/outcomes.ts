import { LockstepError } from '../../model/failure.ts';

function codeOf(error: unknown): string {
  return error instanceof LockstepError ? error.code : String(error);
}

/** What became of writes that were sent together: `done`, or the code of the failure. */
export function codesOf(all: readonly PromiseSettledResult<unknown>[]): string[] {
  return all.map((one) => (one.status === 'fulfilled' ? 'done' : codeOf(one.reason)));
}
