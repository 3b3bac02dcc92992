import * as v from 'valibot';
import * as parts from './parts.ts';

/** What the workflows that keep journals in order are started with. */

const rounds = v.object({ rounds: parts.positive, everyMs: parts.milliseconds });

export const perhapsRounds = v.optional(rounds);

export const replicatedOwed = v.object({ completed: parts.count, failed: parts.count });

const resolutionOfLost = v.picklist(['discard', 'compensate']);

export const parkedDecision = v.object({
  operationId: parts.operationId,
  store: parts.storeName,
  resolution: resolutionOfLost,
  reason: v.nullable(parts.note),
});

export const retryInput = v.object({
  migration: parts.migrationName,
  rounds: v.optional(rounds),
  olderThanMs: parts.milliseconds,
  parked: v.boolean(),
  ids: v.nullable(v.array(parts.operationId)),
  carried: v.unknown(),
});
