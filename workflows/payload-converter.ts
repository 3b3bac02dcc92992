import {
  defaultPayloadConverter,
  type PayloadConverter,
  type SerializationContext,
} from '@temporalio/common';
import { isTooDeep, isUnsealed, maxDepth, tooDeep, unreadable } from '../model/inputs/not-taken.ts';

/**
 * Reads what comes in, whatever it is: in the place of bytes that nobody can read, or that nest too deep for code that goes down by calls, stands a
 * marker, which the look at inputs and messages refuses. Thrown here, it would fail the task, again and again: of a signal, for as long as its workflow lives.
 *
 * @param isLookedAt whether somebody looks at what is read there before code that trusts it
 */
export function readingAnything(
  isLookedAt: (context: SerializationContext | undefined) => boolean,
): PayloadConverter {
  return {
    toPayload: (value, context, hint) => defaultPayloadConverter.toPayload(value, context, hint),
    fromPayload<T>(...given: Parameters<typeof defaultPayloadConverter.fromPayload<T>>): T {
      const [payload, context] = given;
      if (!isLookedAt(context)) {
        const result = defaultPayloadConverter.fromPayload<T>(...given);
        if (isUnsealed(result))
          throw new TypeError('the result of an activity is not encrypted for this workflow');
        return result;
      }
      try {
        const value = defaultPayloadConverter.fromPayload<T>(...given);
        // Each level has two bytes.
        const mayBeDeep = (payload.data?.length ?? 0) > 2 * maxDepth;
        return mayBeDeep && isTooDeep(value) ? (tooDeep as T) : value;
      } catch {
        return unreadable as T;
      }
    },
  };
}

/** In a workflow, what belongs to an activity is its result, which nobody looks at. */
export const payloadConverter = readingAnything((context) => context?.type !== 'activity');
