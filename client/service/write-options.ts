import { type Ack, acks } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { assertTimeLimit } from '../../model/time-limit.ts';
import type { Token } from '../../model/token.ts';

export interface WriteOptions<A extends Ack = Ack> {
  /**
   * The caller's own id for the write; sending it again is safe and answers what the first did. A write of the same kind of the same record is the same
   * one, whatever it would write now. @default a new UUID
   */
  readonly operationId?: string;
  /** When the caller is answered. @default the entity's */
  readonly ack?: A;
  /** Refuse with `VersionConflict` unless the record still has the version of this token. */
  readonly ifUnchangedSince?: Token;
  /** How long to wait for the acknowledgement before `OutcomeUnknown`. @default the migration's `write.callerTimeoutMs` */
  readonly timeoutMs?: number;
}

/** What an answer knows at the acknowledgement `A`: nothing yet where only the intent is recorded. */
export type Answered<T, A extends Ack> = [A] extends ['recorded']
  ? null
  : 'recorded' extends A
    ? T | null
    : T;

/** What a caller has asked of its answer. Types do not hold everybody: throws `InvalidInput` where there is no such answer. */
export function answerWanted(
  { ack, timeoutMs }: Pick<WriteOptions, 'ack' | 'timeoutMs'>,
  usual: Ack,
): { ack: Ack; timeoutMs: number | null } {
  if (ack !== undefined && !acks.includes(ack))
    throw new LockstepError('InvalidInput', `ack is "${String(ack)}", and must be one of ${acks.join(', ')}`);
  if (timeoutMs !== undefined) assertTimeLimit('timeoutMs', timeoutMs);
  return { ack: ack ?? usual, timeoutMs: timeoutMs ?? null };
}
