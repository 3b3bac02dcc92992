import { type FailureDetails, failureSubjects, LockstepError, violations } from './failure.ts';
import { isFailureCode } from './failure-codes.ts';
import { isObject } from './is-object.ts';

/** What Temporal carries over a process boundary: its `ApplicationFailure`, by its structure. */
interface Carried {
  readonly message: string;
  readonly type?: unknown;
  readonly details?: unknown;
}

/** The failure of ours in an error or among its causes, also where it crossed a boundary; null where there is none. */
export function failureIn(error: unknown): LockstepError | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof LockstepError) return cause;
    const carried = cause.name === 'ApplicationFailure' ? carriedFailure(cause) : null;
    if (carried) return carried;
  }
  return null;
}

function carriedFailure({ type, message, details }: Carried): LockstepError | null {
  if (!isFailureCode(type)) return null;
  return new LockstepError(type, message, detailsFrom(Array.isArray(details) ? details[0] : null));
}

const isText = (value: unknown) => typeof value === 'string';
const isOneOf = (list: readonly unknown[]) => (value: unknown) => list.includes(value);

const checks: { readonly [name in keyof Required<FailureDetails>]: (value: unknown) => boolean } = {
  store: isOneOf(['legacy', 'modern']),
  about: isOneOf(failureSubjects),
  violation: isOneOf(violations),
  entity: isText,
  operationId: isText,
  version: isText,
  path: isText,
  faults: (value) =>
    Array.isArray(value) && value.every((one) => isObject(one) && Object.values(one).every(isText)),
  remedy: isText,
  reason: isText,
  gate: isText,
  condition: isText,
  forcible: (value) => typeof value === 'boolean',
  measured: (value) => isObject(value) && Object.values(value).every(isScalar),
};

/** The members that a failure may have and whose values are sound; another version or program may have made the others. */
export function detailsFrom(value: unknown): FailureDetails {
  if (!isObject(value)) return {};
  return Object.fromEntries(
    Object.entries(checks).flatMap(([name, isSound]) => {
      const member: unknown = Object.getOwnPropertyDescriptor(value, name)?.value;
      return member !== undefined && isSound(member) ? [[name, member]] : [];
    }),
  );
}

function isScalar(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
