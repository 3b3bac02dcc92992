import { join } from 'node:path';
import {
  DefaultLogger,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
  Worker,
} from '@temporalio/worker';
import { openUpserts } from '../upserts.ts';
import type { Place } from '../way.ts';

function activitiesOn({ stores }: Pick<Place, 'stores'>) {
  const upserts = openUpserts(stores);
  return { writeLegacy: upserts.legacy, writeModern: upserts.modern };
}
export type Activities = ReturnType<typeof activitiesOn>;

/** Sent by the way that starts this process. */
export interface Start extends Pick<Place, 'stores'> {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
}

process.once('message', async ({ stores, address, namespace, taskQueue }: Start) => {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) } },
    shutdownSignals: [],
  });
  const worker = await Worker.create({
    connection: await NativeConnection.connect({ address }),
    namespace,
    taskQueue,
    workflowsPath: join(import.meta.dirname, 'workflow.ts'),
    activities: activitiesOn({ stores }),
  });
  process.once('disconnect', () => worker.shutdown());
  const running = worker.run();
  process.send?.('ready');
  await running;
  process.exit();
});
process.on('SIGINT', () => {});
