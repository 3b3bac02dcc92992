import * as v from 'valibot';
import * as parts from './parts.ts';

/** What workflows in bulk result in, as Temporal gives it back: another version of them may have run. */

export const bulkWorks = ['backfill', 'validation', 'reconciliation'] as const;
export type BulkWork = (typeof bulkWorks)[number];

const counts = {
  total: parts.count,
  copied: parts.count,
  skipped: parts.count,
  refused: parts.count,
  bytes: parts.count,
  totalBytes: parts.count,
};

const backfillProgress = v.object({
  running: v.boolean(),
  done: v.boolean(),
  ...counts,
  perSecond: v.nullable(v.number()),
  secondsLeft: v.nullable(v.number()),
  throttledSeconds: v.number(),
  waiting: v.nullable(v.string()),
  entities: v.array(
    v.object({
      entity: parts.entityName,
      ...counts,
      done: v.boolean(),
      stopped: v.optional(v.nullable(v.string()), null),
    }),
  ),
  startedAt: parts.time,
  finishedAt: v.nullable(parts.time),
  stopped: v.nullable(v.string()),
});

const evidence = v.object({
  began: parts.time,
  at: parts.time,
  mode: v.picklist(['sample', 'full']),
  seed: v.number(),
  compared: parts.count,
  differences: parts.count,
  ambiguous: parts.count,
  inFlight: parts.count,
  upperBound: parts.share,
});

const results = v.variant('work', [
  v.object({ work: v.literal('backfill'), result: backfillProgress }),
  v.object({ work: v.literal('validation'), result: evidence }),
  v.object({
    work: v.literal('reconciliation'),
    result: v.object({
      evidence: v.nullable(evidence),
      entities: parts.entityNames,
      repaired: parts.count,
    }),
  }),
]);

export type CheckedResult = v.InferOutput<typeof results>;

/** Null where it is no result of that work. */
export function checkedResult(work: BulkWork, result: unknown): CheckedResult | null {
  const checked = v.safeParse(results, { work, result });
  return checked.success ? checked.output : null;
}
