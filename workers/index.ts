/** `lockstep/worker`: a worker in a process of the user's own. */

export type { RunningWorker, WorkerOptions } from './start.ts';
export { startWorker } from './start.ts';
