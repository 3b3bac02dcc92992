import { type AskedWrite, operationIdTakenMessage } from '../../model/operation.ts';
import { failure } from '../failures.ts';

/** What is asked for is another write than the one that has its id. */
export function idTaken({ entity }: Pick<AskedWrite, 'entity'>, operationId: string) {
  return failure('OperationIdTaken', operationIdTakenMessage(entity, operationId), { entity, operationId });
}
