import { keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { type KeyOf, keyFrom } from '../../model/key-input.ts';
import { keyHash } from '../../model/rollout.ts';

/** What a flag is evaluated with: which entity, and which key, as a hash that does not tell it. OpenFeature takes no interface. */
export type FlagContext = {
  /** 1 to 8 hexadecimal digits. */
  readonly targetingKey: string;
  /** The entity's name. */
  readonly entity: string;
};

/**
 * The context in which OpenFeature flags are evaluated for a record, by Lockstep and for `lockstep.openFeatureProvider()` alike.
 *
 * @throws LockstepError `InvalidKey`
 * @example const isModern = await client.getBooleanValue('read-from-modern-db', false, flagContext(account, id));
 */
export function flagContext<E, K>(entity: Entity<E, K>, key: KeyOf<E, K>): FlagContext {
  return { targetingKey: targetingKeyOf(entity.name, keyText(keyFrom(entity, key))), entity: entity.name };
}

export function targetingKeyOf(entity: string, key: string): string {
  return keyHash(entity, key).toString(16);
}

/** Null where the text is none that `targetingKeyOf` gives. */
export function hashOfTargetingKey(text: string): number | null {
  return /^[0-9a-f]{1,8}$/.test(text) ? Number.parseInt(text, 16) : null;
}
