import { type AnyFailureCode, failureCodes } from './failure-codes.ts';

export type StoreName = 'legacy' | 'modern';

/**
 * What a failure is about, and so where to look.
 * - `row`: the values of a row, or how it stands to other rows; `violation` says which rule it broke
 * - `size`: a statement or row that is too large
 * - `trigger`: an error that a trigger or function of the database's own raised
 * - `schema`: a table, column or routine that is missing or is not as expected
 * - `grants`: a right that the store's user lacks
 * - `server`: a server that takes nothing for now, such as one whose disk is full
 * - `network`: no answer
 */
export const failureSubjects = ['row', 'size', 'trigger', 'schema', 'grants', 'server', 'network'] as const;
export type FailureSubject = (typeof failureSubjects)[number];

/**
 * The rule that a row broke.
 * - `changed-value`: the column would have kept the value in another form
 * - `shared-record`: a shared record differs, and the shape says `refuse`
 */
export const violations = [
  'unique',
  'foreign-key',
  'check',
  'not-null',
  'too-long',
  'out-of-range',
  'invalid-value',
  'changed-value',
  'shared-record',
] as const;
export type Violation = (typeof violations)[number];

type Measured = Readonly<Record<string, string | number | boolean | null>>;

/** What a failure says beside its message. Never row content: names, codes, versions and counts only. */
export interface FailureDetails {
  readonly store?: StoreName;
  readonly about?: FailureSubject;
  readonly violation?: Violation;
  readonly entity?: string;
  readonly operationId?: string;
  readonly version?: string;
  readonly path?: string;
  /** All that is wrong with a definition, with `InvalidDefinition`. */
  readonly faults?: readonly { readonly path: string; readonly reason: string }[];
  readonly remedy?: string;
  readonly reason?: string;
  readonly gate?: string;
  /** Of the gate, the condition that is not met, and whether `--force` passes it. */
  readonly condition?: string;
  readonly forcible?: boolean;
  readonly measured?: Measured;
}

/** What a store's own refusal was about. */
export type RefusalDetails = Pick<FailureDetails, 'about' | 'violation'>;

/** A failure that somebody branches on, by its code and details and never by its words. */
export class LockstepError extends Error {
  override readonly name = 'LockstepError';
  readonly code: AnyFailureCode;
  readonly retryable: boolean;
  readonly details: FailureDetails;

  constructor(code: AnyFailureCode, message: string, details: FailureDetails = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = failureCodes[code].retryable;
    this.details = details;
  }
}
