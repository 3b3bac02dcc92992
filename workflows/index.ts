export { backfill } from './backfill.ts';
export { migration } from './migration.ts';
export { pruneJournal } from './prune-journal.ts';
export { reconcile } from './reconcile.ts';
export { retryFailedOperations } from './retry-failed-operations.ts';
export { sweep } from './sweep.ts';
export { validate } from './validate.ts';
export { write } from './write.ts';
