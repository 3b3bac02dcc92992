import type { Entity } from '../../model/entity.ts';
import type { Migration } from '../../model/migration.ts';
import { type DurableState, flagsApplyIn, routes } from '../../model/phase.ts';
import { isInShare } from '../../model/rollout.ts';
import { dualWriteFlag, readModernFlag } from './flags.ts';
import { hashOfTargetingKey } from './targeting-key.ts';

/** An answer as OpenFeature wants it. */
export interface FlagResolution {
  readonly value: boolean;
  readonly variant: 'on' | 'off';
  /** `STATIC` where the phase alone decides, `SPLIT` where a share does. */
  readonly reason: 'STATIC' | 'SPLIT';
  readonly flagMetadata: { readonly phase: string };
}

/** What OpenFeature's client turns into its own answer with an error; `code` is one of its `ErrorCode`. */
class FlagError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'FlagError';
    this.code = code;
  }
}

interface ProviderParts {
  readonly migration: Migration;
  /** The route, as of about a second ago. */
  readonly currentRoute: () => DurableState | Promise<DurableState>;
}

/**
 * Tells code that does not go through Lockstep where it reads and writes now, as a provider of `@openfeature/server-sdk`: the flags
 * `read-from-modern-db` and `dual-write-to-modern-db`, by phase and durable share. Evaluate them with `flagContext(entity, key)`.
 * Flags that were given to `connect` are not asked, so that such flags may come from this provider.
 *
 * Errors, with which OpenFeature gives the caller's default: `FLAG_NOT_FOUND` for other flags, `TYPE_MISMATCH` where no boolean is asked
 * for, `TARGETING_KEY_MISSING`, `INVALID_CONTEXT` where the targeting key is none of `flagContext` or the entity is not known,
 * `GENERAL` where neither store tells the route.
 */
export class LockstepProvider {
  readonly metadata = { name: 'lockstep' } as const;
  readonly runsOn = 'server' as const;
  readonly #parts: ProviderParts;

  constructor(parts: ProviderParts) {
    this.#parts = parts;
  }

  async resolveBooleanEvaluation(
    flag: string,
    _fallback: boolean,
    context: { readonly targetingKey?: string; readonly [attribute: string]: unknown },
  ): Promise<FlagResolution> {
    assertKnown(flag);
    const entity = this.#entityOf(context.entity);
    const hash = hashIn(context.targetingKey);
    const state = await this.#route();
    const share = flag === readModernFlag ? readShare(state) : writeShare(state, entity);
    const value = typeof share === 'boolean' ? share : isInShare(hash, share);
    return {
      value,
      variant: value ? 'on' : 'off',
      reason: typeof share === 'boolean' ? 'STATIC' : 'SPLIT',
      flagMetadata: { phase: state.phase },
    };
  }

  resolveStringEvaluation(flag: string): Promise<never> {
    return noBoolean(flag);
  }

  resolveNumberEvaluation(flag: string): Promise<never> {
    return noBoolean(flag);
  }

  resolveObjectEvaluation(flag: string): Promise<never> {
    return noBoolean(flag);
  }

  #entityOf(name: unknown): Entity {
    const found = this.#parts.migration.entities.find((entity) => entity.name === name);
    if (found) return found;
    throw new FlagError(
      'INVALID_CONTEXT',
      `the context's entity is none of ${this.#parts.migration.name}; pass flagContext(entity, key)`,
    );
  }

  async #route(): Promise<DurableState> {
    try {
      return await this.#parts.currentRoute();
    } catch (error) {
      throw new FlagError('GENERAL', error instanceof Error ? error.message : 'the route is not known');
    }
  }
}

/** What the phase says of all records, or the share of them. */
function readShare({ phase, readPercent }: DurableState): boolean | number {
  const { reads } = routes[phase];
  return reads === 'share' ? readPercent : reads === 'modern';
}

function writeShare({ phase, writePercent }: DurableState, { pattern }: Entity): boolean | number {
  const { primary, secondary } = routes[phase];
  if (secondary === null) return primary === 'modern';
  return pattern === 'flag-controlled' && flagsApplyIn(phase) ? writePercent : true;
}

function assertKnown(flag: string): void {
  if (flag === readModernFlag || flag === dualWriteFlag) return;
  throw new FlagError(
    'FLAG_NOT_FOUND',
    `there is no flag "${flag}"; Lockstep has ${readModernFlag} and ${dualWriteFlag}`,
  );
}

function hashIn(targetingKey: string | undefined): number {
  if (targetingKey === undefined || targetingKey === '')
    throw new FlagError(
      'TARGETING_KEY_MISSING',
      'the context has no targetingKey; pass flagContext(entity, key)',
    );
  const hash = hashOfTargetingKey(targetingKey);
  if (hash !== null) return hash;
  // The text is left out: it may be a key.
  throw new FlagError(
    'INVALID_CONTEXT',
    'the targetingKey is not 1 to 8 hexadecimal digits; pass flagContext(entity, key)',
  );
}

async function noBoolean(flag: string): Promise<never> {
  assertKnown(flag);
  throw new FlagError('TYPE_MISMATCH', `the flag "${flag}" is a boolean`);
}
