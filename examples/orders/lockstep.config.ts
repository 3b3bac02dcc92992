import { defineMigration } from 'lockstep';
import { order } from './order.ts';

/** Times to watch, not to copy: a real migration soaks for days, and its backfill takes larger chunks. */
export default defineMigration({
  name: 'superstore',
  entities: [order],
  deadline: '2030-01-31T00:00:00Z',
  phases: { soakMs: 2_000 },
  validation: { recheckDelayMs: 500 },
  backfill: { parallel: 2, chunkKeys: 200 },
  write: { secondaryRetryMs: 250, secondaryRetryMaxMs: 2_000 },
});
