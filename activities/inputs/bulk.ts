import * as v from 'valibot';
import { rate } from '../../model/inputs/migration-inputs.ts';
import * as parts from '../../model/inputs/parts.ts';

/** What the activities of backfills, comparisons and repairs are given. */

/** Where one goes on; null at the start. */
export const keyText = v.nullable(v.string());

const fingerprint = v.array(v.string());
const fingerprints = v.object({ legacy: fingerprint, modern: fingerprint });
const position = v.nullable(v.object({ range: parts.count, page: parts.count }));
const sliceOf = { entity: parts.entityName, sliceMs: parts.milliseconds };

export const range = v.object({ ...sliceOf, range: parts.count, fingerprints, keysPerSecond: rate });

export const waiting = v.object({
  ...sliceOf,
  fingerprints,
  backwards: v.boolean(),
  isLast: v.boolean(),
  keysPerSecond: rate,
  after: position,
});

export const circles = v.object({
  ...sliceOf,
  keysPerSecond: rate,
  after: v.nullable(v.object({ page: position, key: v.nullable(parts.key) })),
});

export const slice = v.object({
  ...sliceOf,
  from: v.object({ stage: v.picklist(['rows', 'records', 'extra', 'orphans']), after: keyText }),
});

export const sample = v.object({
  entity: parts.entityName,
  count: parts.positive,
  seed: v.pipe(v.number(), v.safeInteger('is no whole number')),
});

export const repair = v.object({
  entity: parts.entityName,
  after: keyText,
  from: v.nullable(parts.storeName),
});
