import type { FailureDetails, StoreName } from './failure.ts';
import type { AnyFailureCode } from './failure-codes.ts';
import type { Operation } from './operation.ts';
import type { Version } from './version.ts';

/** Why a write had no effect, as its caller is told, whichever way it came in. */
export interface ToldRefusal {
  readonly code: AnyFailureCode;
  readonly message: string;
  readonly details: FailureDetails;
}

interface Refused {
  readonly status: 'refused' | 'conflict';
  readonly code: AnyFailureCode;
  readonly message: string;
  readonly version?: Version;
  readonly details?: FailureDetails;
}

/** A primary has refused it. Nothing makes room at a primary, so a conflict is a refusal. */
export function toldRefusal(
  { id, entity }: Pick<Operation, 'id' | 'entity'>,
  store: StoreName,
  { status, code, message, version, details }: Refused,
): ToldRefusal {
  return {
    code: status === 'conflict' ? 'StoreRefused' : code,
    message,
    details: {
      entity,
      operationId: id,
      store,
      reason: message,
      ...details,
      ...(version === undefined ? {} : { version }),
    },
  };
}

/** Its id was closed before it took effect. */
export function toldAborted({ id, entity }: Pick<Operation, 'id' | 'entity'>): ToldRefusal {
  return {
    code: 'Aborted',
    message: `operation ${id} was closed before it took effect; nothing was written`,
    details: { entity, operationId: id },
  };
}
