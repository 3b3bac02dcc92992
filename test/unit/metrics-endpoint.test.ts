import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { metricsEndpoint } from '../../workers/metrics-endpoint.ts';

test('a runtime that does not answer leaves no request without an end', async () => {
  const endpoint = await metricsEndpoint({ host: '127.0.0.1', port: 0 });
  const port = Number(endpoint.source.split(':')[1]);
  const deaf = createServer((socket) => void socket.on('error', () => {})).listen(port, '127.0.0.1');
  await once(deaf, 'listening');
  await using server = await endpoint.serve();
  const at = (path: string) => fetch(`http://127.0.0.1:${server.port}${path}`);
  await expect(at('/metrics')).rejects.toThrow();
  expect((await at('/other')).status).toBe(404);
  deaf.close();
});

test('nor does one that is not there yet', async () => {
  const endpoint = await metricsEndpoint({ host: '127.0.0.1', port: 0 });
  expect(endpoint.source).toMatch(/^127\.0\.0\.1:\d+$/);
  await using server = await endpoint.serve();
  await expect(fetch(`http://127.0.0.1:${server.port}/metrics`)).rejects.toThrow();
});
