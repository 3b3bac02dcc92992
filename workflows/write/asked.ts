import { type AskedWrite, isSameWrite } from '../../model/operation.ts';
import type { SaveRequest } from '../../model/save.ts';
import { localThenRemote } from '../activities.ts';
import { idTaken } from './id-taken.ts';

/** A caller of ours names the write that it means; a program in another language sends what it would start `save` with. */
export function isSave(asked: AskedWrite | SaveRequest): asked is SaveRequest {
  return 'operationId' in asked;
}

/**
 * Throws where a caller means another write than the one that has its id. Of which record a save is, a worker says, which has the entity.
 *
 * @param operation null where the write that has the id was refused before it was known
 */
export async function assertAsked(
  asked: AskedWrite | SaveRequest,
  operationId: string,
  operation: AskedWrite | null,
): Promise<void> {
  const meant = isSave(asked) ? await operationOf(asked) : asked;
  if (!meant || !operation || !isSameWrite(meant, operation)) throw idTaken(asked, operationId);
}

async function operationOf(asked: SaveRequest): Promise<AskedWrite | undefined> {
  const found = await localThenRemote((activities) => activities.acceptSave(asked));
  return 'write' in found ? found.write.operation : found.transaction.transaction.operations[0];
}
