import * as v from 'valibot';
import { versioned } from './input-version.ts';
import * as parts from './parts.ts';

/** What the workflows that keep journals in order are started with. */

const rounds = { rounds: parts.positive, everyMs: parts.milliseconds };

export const perhapsRounds = v.optional(v.object({ ...versioned, ...rounds }));

export const replicatedOwed = v.object({ ...versioned, completed: parts.count, failed: parts.count });

const resolutionOfLost = v.picklist(['discard', 'compensate']);

export const parkedDecision = v.object({
  ...versioned,
  operationId: parts.operationId,
  store: parts.storeName,
  resolution: resolutionOfLost,
  reason: v.nullable(parts.note),
});

export const retryInput = v.object({
  ...versioned,
  migration: parts.migrationName,
  rounds: v.optional(v.object(rounds)),
  olderThanMs: parts.milliseconds,
  parked: v.boolean(),
  ids: v.nullable(v.array(parts.operationId)),
  carried: v.unknown(),
});
