import type { Ack } from '../../model/entity.ts';
import type { Token } from './token.ts';

export interface WriteOptions {
  /** The caller's own id for the write; sending it again is safe and answers what the first did. Default: a new UUID. */
  operationId?: string;
  /** Default: the entity's. */
  ack?: Ack;
  /** Refuse with `VersionConflict` unless the record is at the version of this token. */
  expected?: Token;
  /** How long to wait for the acknowledgement before `OutcomeUnknown`; default: the migration's `callerTimeoutMs`. */
  timeoutMs?: number;
}
