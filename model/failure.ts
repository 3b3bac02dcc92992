/**
 * Everything that can go wrong and that a caller, an operator or a workflow branches on.
 * The code travels as the `type` of a Temporal ApplicationFailure, so it survives every process boundary.
 */
export const failureCodes = {
  InvalidDefinition: { retryable: false },
  InvalidEntity: { retryable: false },
  UnknownEntity: { retryable: false },
  UnknownOperation: { retryable: false },
  AlreadyExists: { retryable: false },
  NotFound: { retryable: false },
  VersionConflict: { retryable: false },
  StoreRefused: { retryable: false },
  UniqueConflict: { retryable: true },
  StoreUnavailable: { retryable: true },
  Fenced: { retryable: true },
  Moved: { retryable: true },
  Aborted: { retryable: false },
  Compensated: { retryable: false },
  CompensationFailed: { retryable: false },
  Parked: { retryable: false },
  OutcomeUnknown: { retryable: true },
  StaleRead: { retryable: true },
  NotPrepared: { retryable: false },
  GateRefused: { retryable: false },
  InvalidRequest: { retryable: false },
} as const;

export type FailureCode = keyof typeof failureCodes;

/** What a failure may say beside its message. Never row content: names, codes, versions and counts only. */
export interface FailureDetails {
  readonly store?: StoreName;
  readonly entity?: string;
  readonly operationId?: string;
  readonly version?: string;
  readonly path?: string;
  /** All that is wrong with a definition, with `InvalidDefinition`. */
  readonly faults?: readonly { readonly path: string; readonly reason: string }[];
  readonly remedy?: string;
  readonly reason?: string;
  readonly gate?: string;
  readonly measured?: Readonly<Record<string, string | number | boolean | null>>;
}

export type StoreName = 'legacy' | 'modern';

export class LockstepError extends Error {
  override readonly name = 'LockstepError';
  readonly code: FailureCode;
  readonly retryable: boolean;
  readonly details: FailureDetails;

  constructor(code: FailureCode, message: string, details: FailureDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = failureCodes[code].retryable;
    this.details = details;
  }
}

export function isFailureCode(value: unknown): value is FailureCode {
  return typeof value === 'string' && Object.hasOwn(failureCodes, value);
}
