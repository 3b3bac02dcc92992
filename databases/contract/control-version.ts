import { LockstepError } from '../../model/failure.ts';

/** Whether a store was refused because a newer program prepared it: then this one must not touch it. */
export function isFromNewerProgram(error: unknown): boolean {
  if (!(error instanceof LockstepError) || error.code !== 'NotPrepared') return false;
  const { storeVersion, programVersion } = error.details.measured ?? {};
  return Number(storeVersion) > Number(programVersion);
}
