import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { type Fixture, fixture } from '../support/harness.ts';
import { environmentOf, lockstep, workerProcess } from '../support/process.ts';
import { until } from '../support/until.ts';

let at: Fixture;
beforeAll(async () => {
  at = await fixture();
});
afterAll(() => at?.[Symbol.asyncDispose]());

test.each([
  ['--health', '127.0.0.1:8080', /use a port/],
  ['--health', '65536', /use a port/],
  ['--health', '', /use a port/],
  ['--metrics', '9464', /use HOST:PORT, such as 127.0.0.1:9464/],
  ['--metrics', '127.0.0.1:65536', /use a port/],
])('a worker with %s "%s" does not begin', async (flag, value, reason) => {
  const { code, stderr } = await lockstep(['worker', flag, value], environmentOf(at));
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(reason) });
});

test.each(['--health', '--metrics'])('a worker ends where the address of %s is taken', async (flag) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const value = flag === '--health' ? String(port) : `127.0.0.1:${port}`;
  const { code, stderr } = await lockstep(['worker', flag, value], environmentOf(at));
  expect({ code, stderr }).toEqual({
    code: 3,
    stderr: expect.stringMatching(
      new RegExp(`127.0.0.1:${port} cannot be listened on .EADDRINUSE.: another process has it`),
    ),
  });
  other.close();
});

test('requests that are half sent keep a worker neither from answering others nor from stopping', async () => {
  const [health, metrics] = [await freePort(), await freePort()];
  const flags = ['--health', String(health), '--metrics', `127.0.0.1:${metrics}`];
  const worker = await workerProcess(environmentOf(at), flags);
  for (const [port, path] of [
    [health, '/live'],
    [metrics, '/metrics'],
  ] as const) {
    const first = await halfSent(port, 200);
    await until('all are ended', async () => first.every(({ closed }) => closed));
    const { status } = await fetch(`http://127.0.0.1:${port}${path}`);
    expect(status).toBe(200);
    const long = await fetch(`http://127.0.0.1:${port}${path}`, {
      headers: { 'x-long': 'x'.repeat(16 * 1024) },
    });
    expect(long.status).toBe(431);
  }
  const hanging = [...(await halfSent(health, 20)), ...(await halfSent(metrics, 20))];
  expect(await worker.stop()).toBe(0);
  for (const socket of hanging) socket.destroy();
});

/** Where a process listens, by /proc: a row of a table has address and port in hexadecimal, the state 0A, and the socket's inode. */
function listeningAt(pid: number): string[] {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      // It was closed meanwhile.
      return '';
    }
  });
  const own = new Set(links);
  const rows = ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n').slice(1),
  );
  return rows.flatMap((row) => {
    const [, local = '', , state, , , , , , inode] = row.trim().split(/\s+/);
    if (state !== '0A' || !own.has(`socket:[${inode}]`)) return [];
    const [address = '', port = ''] = local.split(':');
    return [`${address === '0100007F' ? 'loopback' : address}:${Number.parseInt(port, 16)}`];
  });
}

test.skipIf(process.platform !== 'linux')(
  'a worker listens on loopback alone where it is not told otherwise, and nowhere when it has ended',
  async () => {
    const [health, metrics] = [await freePort(), await freePort()];
    const flags = ['--health', String(health), '--metrics', `127.0.0.1:${metrics}`];
    const worker = await workerProcess(environmentOf(at), flags);
    const places = listeningAt(worker.pid);
    expect(places).toEqual(expect.arrayContaining([`loopback:${health}`, `loopback:${metrics}`]));
    // One more is Temporal's own.
    expect(places.length).toBe(3);
    expect(places.filter((place) => !place.startsWith('loopback:'))).toEqual([]);
    const own = places
      .map((place) => Number(place.split(':')[1]))
      .find((port) => port !== health && port !== metrics);
    const found = await fetch(`http://127.0.0.1:${own}/metrics`);
    expect(await found.text()).toContain('# TYPE temporal_');
    expect(await worker.stop()).toBe(0);
    for (const port of [health, metrics, own])
      await expect(fetch(`http://127.0.0.1:${port}/metrics`)).rejects.toThrow();
  },
);

async function halfSent(port: number, count: number): Promise<Socket[]> {
  return await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect(port, '127.0.0.1');
      // Its end is what the test waits for.
      socket.on('error', () => {});
      await once(socket, 'connect');
      socket.resume().write('GET /live HTTP/1.1\r\nHost: x\r\n');
      return socket;
    }),
  );
}
