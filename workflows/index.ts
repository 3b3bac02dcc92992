export { backfill } from './backfill.ts';
export { migration } from './migration.ts';
export { validate } from './validate.ts';
export { write } from './write.ts';
