import { openEngine } from '../../databases/open.ts';
import { createSqlStore } from '../../databases/sql-store.ts';
import { createLogger, installRuntime } from '../../workers/log.ts';
import { runWorker } from '../../workers/worker.ts';
import { momentOf } from './cells.ts';
import { type Gate, gated } from './gates.ts';
import { matrixMigration, matrixMigrationVariable } from './migration.ts';

/**
 * A worker as `lockstep worker`, but for one thing: a transaction whose id says so stops once at the moment that the id names,
 * says so to the parent process, and goes on when that answers.
 */
const name = process.env[matrixMigrationVariable];
if (!name || !process.send) throw new Error(`${matrixMigrationVariable} and a parent process are needed`);
const migration = matrixMigration(name);
const logger = createLogger('warn');
installRuntime(logger, null);

const stopped = new Map<string, () => void>();
process.on('message', (message) => {
  if (message === 'go on') for (const goOn of stopped.values()) goOn();
});
const stops = process.argv.includes('--stops');

const gate: Gate = (operationId, step, side) => {
  const moment = momentOf(operationId);
  if (!stops || moment?.step !== step || moment.side !== side || stopped.has(operationId)) {
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    stopped.set(operationId, resolve);
    process.send?.({ stopped: operationId });
  });
};

const opened = (store: 'legacy' | 'modern') =>
  createSqlStore(store, gated(openEngine(migration, store, process.env), store, gate), migration);

const worker = await runWorker({
  migration,
  environment: process.env,
  stores: { legacy: opened('legacy'), modern: opened('modern') },
  log: (message, fields) => logger.info(fields, message),
});
process.send({ running: true });
process.on('SIGTERM', () => void worker.shutdown());
process.on('disconnect', () => process.exit(0));
await worker.finished;
process.exit(0);
