import { failureSubjects, type RefusalDetails, type StoreName, violations } from '../../model/failure.ts';
import type { AnyFailureCode } from '../../model/failure-codes.ts';
import { parsedOrUndefined } from './control-row.ts';

/**
 * Why an operation was refused for good, or undone because the other store refused it, as the primary keeps it: whoever sends the operation again is told the same. Names and
 * codes, never values.
 */
export interface RecordedRefusal extends RefusalDetails {
  readonly code: RecordedRefusalCode;
  readonly message: string;
  /** The one that refused. */
  readonly store: StoreName;
}

const codes = [
  'StoreRefused',
  'UniqueConflict',
  'ForeignKeyConflict',
  'InvalidEntity',
  'LossyShape',
] as const satisfies AnyFailureCode[];
type RecordedRefusalCode = (typeof codes)[number];

const maxMessageLength = 500;

/** As it stands in the journal. */
export function textOfRefusal({ code, message, store, about, violation }: RecordedRefusal): string {
  return JSON.stringify({ code, message: message.slice(0, maxMessageLength), store, about, violation });
}

/** Null where the text is none that `textOfRefusal` has made. */
export function refusalInText(text: string | null | undefined): RecordedRefusal | null {
  if (!text?.startsWith('{')) return null;
  const parsed = parsedOrUndefined(text);
  if (typeof parsed !== 'object' || parsed === null) return null;
  const found: Readonly<Record<string, unknown>> = { ...parsed };
  const code = codes.find((known) => known === found.code);
  const store = (['legacy', 'modern'] as const).find((known) => known === found.store);
  if (!code || !store || typeof found.message !== 'string') return null;
  const about = failureSubjects.find((known) => known === found.about);
  const violation = violations.find((known) => known === found.violation);
  return {
    code,
    message: found.message,
    store,
    ...(about ? { about } : {}),
    ...(violation ? { violation } : {}),
  };
}
