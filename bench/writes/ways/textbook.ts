import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { Start } from '../textbook/worker.ts';
import type { Open } from '../way.ts';

/** What Temporal's own examples do: a workflow a write, an activity a store, a worker in a process of its own. */
export const open: Open = async ({ stores, environment, migration }) => {
  const address = environment.TEMPORAL_ADDRESS ?? '';
  const namespace = environment.TEMPORAL_NAMESPACE ?? 'default';
  const taskQueue = `textbook-${migration}`;
  const worker = await startWorker({ stores, address, namespace, taskQueue });
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  return {
    write: (account) =>
      client.workflow.execute('writeBoth', {
        taskQueue,
        workflowId: `textbook/${randomUUID()}`,
        args: [account],
      }),
    async [Symbol.asyncDispose]() {
      const gone = once(worker, 'exit');
      worker.disconnect();
      await Promise.all([gone, connection.close()]);
    },
  };
};

async function startWorker(start: Start): Promise<ChildProcess> {
  const worker = fork(join(import.meta.dirname, '../textbook/worker.ts'));
  worker.send(start);
  await Promise.race([
    once(worker, 'message'),
    once(worker, 'exit').then(([code]) => {
      throw new Error(`the worker of the textbook workflow ended with ${code} before it was ready`);
    }),
  ]);
  return worker;
}
