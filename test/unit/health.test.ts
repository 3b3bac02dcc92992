import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { serveHealth } from '../../workers/health.ts';

async function halfSent(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write('GET /live HTTP/1.1\r\nHost: x\r\n');
  // Its end is what the test waits for.
  socket.on('error', () => {});
  return socket;
}

test('a request that is half sent keeps a worker neither from answering others nor from stopping', async () => {
  const health = await serveHealth(0, '127.0.0.1', async () => ['no store answers']);
  const socket = await halfSent(health.port);
  const ended = new Promise((resolve) => socket.once('close', resolve));
  const at = (path: string) => fetch(`http://127.0.0.1:${health.port}${path}`);
  expect((await at('/live')).status).toBe(200);
  const ready = await at('/ready');
  expect([ready.status, await ready.json()]).toEqual([503, { ready: false, because: ['no store answers'] }]);
  await health.close();
  await ended;
});

test('headers that are too long are refused', async () => {
  const health = await serveHealth(0, '127.0.0.1', async () => []);
  const { status } = await fetch(`http://127.0.0.1:${health.port}/live`, {
    headers: { 'x-long': 'x'.repeat(16 * 1024) },
  });
  expect(status).toBe(431);
  await health.close();
});

test('however many ask at once, the stores are asked once, and a fault is no end', async () => {
  let asked = 0;
  const held = Promise.withResolvers<readonly string[]>();
  const health = await serveHealth(0, '127.0.0.1', () => {
    asked += 1;
    return held.promise;
  });
  const socket = connect(health.port, '127.0.0.1');
  const requests = 50;
  let received = '';
  const all = new Promise<void>((resolve) =>
    socket.on('data', (data) => {
      received += data;
      if (received.split('503 Service Unavailable').length > requests) resolve();
    }),
  );
  socket.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(requests));
  const live = await fetch(`http://127.0.0.1:${health.port}/live`);
  expect(live.status).toBe(200);
  held.reject(new TypeError('what-a-row-holds'));
  await all;
  expect(asked).toBe(1);
  expect(received).not.toContain('what-a-row-holds');
  socket.destroy();
  await health.close();
});
