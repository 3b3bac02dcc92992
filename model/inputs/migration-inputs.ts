import * as v from 'valibot';
import { versioned } from './input-version.ts';
import * as parts from './parts.ts';

/** What the workflow of a migration, and those that work in bulk, are started with. */

const named = {
  migration: parts.migrationName,
  entities: v.pipe(parts.entityNames, v.minLength(1, 'has no entity')),
};

export const runningDefinition = v.object({
  entities: named.entities,
  digests: v.record(v.string(), v.pipe(v.string(), v.maxLength(128, 'is no digest'))),
  policy: v.object({
    deadline: parts.time,
    deadlineReminderMs: parts.milliseconds,
    drainLimitMs: parts.milliseconds,
    soakMs: parts.milliseconds,
    evidenceMaxAgeMs: parts.milliseconds,
    evidenceMaxWrongShare: parts.share,
    sampleSize: parts.positive,
    backfillParallel: parts.positive,
    dropLegacyAfterMs: v.nullable(parts.milliseconds),
    readRampSteps: v.pipe(v.array(v.number()), v.maxLength(100, 'has more than 100 steps')),
    readRampSoakMs: parts.milliseconds,
  }),
});

/** Who asks for something, and why. A member that it lacks would be one that is misspelt. */
export const asked = v.strictObject({
  by: v.optional(v.nullable(parts.note)),
  reason: v.optional(v.nullable(parts.note)),
});

/** What a run of the same workflow has left to this one. Nobody else may give it. */
const carried = v.unknown();

export const migrationInput = v.object({
  ...versioned,
  migration: parts.migrationName,
  ...runningDefinition.entries,
  state: carried,
  undo: v.exactOptional(v.object({ by: v.nullable(parts.note), reason: v.nullable(parts.note) })),
});

export const rate = v.nullable(v.pipe(v.number(), v.finite('is no number')));

export const backfillInput = v.object({
  ...versioned,
  ...named,
  parallel: parts.positive,
  paused: v.boolean(),
  rate,
  resume: v.exactOptional(v.boolean()),
  anew: v.exactOptional(parts.entityNames),
  carried: v.nullable(
    v.object({
      startedAt: parts.time,
      throttledMs: parts.milliseconds,
      fingerprints: v.record(
        v.string(),
        v.object({ legacy: v.array(v.string()), modern: v.array(v.string()) }),
      ),
    }),
  ),
});

/** A member that it lacks would be one that is misspelt. */
export const backfillRequest = v.strictObject({
  anew: v.exactOptional(v.pipe(parts.entityNames, v.minLength(1, 'has no entity'))),
});

export const validationRequest = v.strictObject({
  sample: v.nullable(v.number()),
  seed: v.pipe(v.number(), v.safeInteger('is no whole number')),
});

export const validationInput = v.object({ ...versioned, ...named, ...validationRequest.entries });

export const reconciliationInput = v.object({
  ...versioned,
  ...named,
  repair: v.boolean(),
  from: v.nullable(parts.storeName),
  carried,
});

export const previewRequest = v.strictObject({
  step: v.picklist(['advance', 'rollback', 'decommission', 'reads']),
  percent: v.exactOptional(v.number()),
});

export const stepRequest = v.strictObject({
  ...asked.entries,
  force: v.optional(v.boolean()),
  notBefore: v.optional(v.nullable(parts.time)),
  notAfter: v.optional(v.nullable(parts.time)),
});
