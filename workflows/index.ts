export { backfill } from './backfill.ts';
export { migration } from './migration.ts';
export { recoverTransactions } from './recover.ts';
export { transaction } from './transaction.ts';
export { validate } from './validate.ts';
export { write } from './write.ts';
