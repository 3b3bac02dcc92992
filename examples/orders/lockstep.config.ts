import { defineMigration } from 'lockstep';
import { order } from './order.ts';

/** Times to watch, not to copy: a real migration soaks for days, and its backfill takes larger chunks. */
export default defineMigration({
  name: 'superstore',
  entities: [order],
  deadline: '2030-01-31T00:00:00Z',
  policy: {
    soakMs: 2_000,
    settleMs: 500,
    sampleSize: 1_000,
    backfillParallel: 2,
    backfillChunk: 200,
    secondaryRetryMs: 250,
    secondaryRetryMaxMs: 2_000,
  },
});
