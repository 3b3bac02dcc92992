import { expect, test } from 'vitest';
import { connectTemporal } from '../../client/temporal/connection.ts';
import { proxy } from '../support/proxy.ts';
import { servers } from '../support/servers.ts';

/** The test run fails where an exception reaches nobody. */
test('a call that is to be tried again when the connection is closed is cancelled, and ends no process', async () => {
  const { address } = servers().temporal;
  await using between = await proxy(`http://${address}`);
  const { connection } = await connectTemporal({ TEMPORAL_ADDRESS: new URL(between.url).host });
  await between.cut();
  const asked = connection.workflowService.getSystemInfo({}).catch((error: unknown) => error);
  // It has failed once, and waits to be tried again.
  await new Promise((resolve) => setTimeout(resolve, 50));
  await connection.close();
  expect(await asked).toMatchObject({ details: expect.stringContaining('closed') });
});
