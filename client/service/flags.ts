import type { DurableState } from '../../model/phase.ts';
import { isInRollout } from '../../model/rollout.ts';
import { targetingKeyOf } from './targeting-key.ts';

export const dualWriteFlag = 'dual-write-to-modern-db';
export const readModernFlag = 'read-from-modern-db';

/** Decides, for one key, what the phase leaves open. Sticky: the same key gets the same answer at the same share. */
export interface Flags {
  /** Asked for `flag-controlled` entities only. */
  writesModern(entity: string, key: string, state: DurableState): Promise<boolean>;
  /** Asked in `switch-reads` only, while the share is below 100. */
  readsModern(entity: string, key: string, state: DurableState): Promise<boolean>;
}

/** What is used of an OpenFeature client (`OpenFeature.getClient()` of `@openfeature/server-sdk`). */
export interface OpenFeatureClient {
  getBooleanDetails(
    flag: string,
    fallback: boolean,
    context: { targetingKey: string; entity: string },
  ): Promise<{ readonly value: boolean; readonly errorCode?: string }>;
}

/** The shares of the durable state, as an operator sets them. */
export const createDurableFlags: Flags = {
  writesModern: async (entity, key, state) => isInRollout(entity, key, state.writePercent),
  readsModern: async (entity, key, state) => isInRollout(entity, key, state.readPercent),
};

/**
 * An OpenFeature client decides instead, bounded by the phase. It is asked with a hash of the key as targeting key, never
 * with the key itself; where the provider errs, or does not know the flag, the durable share answers.
 */
export function openFeatureFlags(client: OpenFeatureClient): Flags {
  const ask = async (flag: string, entity: string, key: string, fallback: boolean): Promise<boolean> => {
    const { value, errorCode } = await client.getBooleanDetails(flag, fallback, {
      targetingKey: targetingKeyOf(entity, key),
      entity,
    });
    // The client hides an error behind the fallback; thrown, it is counted.
    if (errorCode !== undefined) throw new Error(`the flag ${flag} could not be evaluated: ${errorCode}`);
    return value;
  };
  return {
    writesModern: async (entity, key, state) =>
      ask(dualWriteFlag, entity, key, await createDurableFlags.writesModern(entity, key, state)),
    readsModern: async (entity, key, state) =>
      ask(readModernFlag, entity, key, await createDurableFlags.readsModern(entity, key, state)),
  };
}
