import type { Policy } from './policy.ts';

const maxRanges = 16;
const chunksPerRange = 5;

/** Into how many ranges a backfill cuts an entity's keys. Few keys are not worth many: each costs a task of its own. */
export function rangesFor(keys: number, { backfillChunk }: Pick<Policy, 'backfillChunk'>): number {
  return Math.min(maxRanges, Math.max(1, Math.ceil(keys / (chunksPerRange * backfillChunk))));
}
