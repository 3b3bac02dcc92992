import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { defaultPayloadConverter } from '@temporalio/common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CodecServer, serveCodec } from '../../client/temporal/codec-server.ts';
import { createEncryptionCodec } from '../../client/temporal/encryption.ts';
import { encryptionOf } from '../../client/temporal/encryption-keys.ts';

const encryption = encryptionOf({ LOCKSTEP_ENCRYPTION_KEY: randomBytes(32).toString('base64') });
const token = 'a-token-of-this-test';
const origin = 'https://temporal.example';

let server: CodecServer;
beforeAll(async () => {
  if (!encryption) throw new Error('there is a key');
  server = await serveCodec({ encryption, token, origin, host: '127.0.0.1', port: 0 });
});
afterAll(() => server.close());

async function sealed() {
  if (!encryption) throw new Error('there is a key');
  const codec = createEncryptionCodec(encryption, 'client');
  const payloads = await codec.encode([defaultPayloadConverter.toPayload({ row: 'content' })], {
    type: 'workflow',
    namespace: 'default',
    workflowId: 'write/m/1',
  });
  return payloads.map(({ metadata, data }) => ({
    metadata: Object.fromEntries(
      Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
    ),
    data: Buffer.from(data ?? []).toString('base64'),
  }));
}

const ask = (path: string, init: RequestInit) => fetch(`http://127.0.0.1:${server.port}${path}`, init);
const decode = async (headers: Record<string, string>, body?: string) =>
  ask('/decode', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: body ?? JSON.stringify({ payloads: await sealed() }),
  });

test.each([`Bearer ${token}`, `Basic ${Buffer.from(`anyone:${token}`).toString('base64')}`])(
  'decodes for who has the token: %s',
  async (authorization) => {
    const response = await decode({ authorization, origin });
    expect(response.status).toBe(200);
    const { payloads } = (await response.json()) as { payloads: { data: string }[] };
    expect(Buffer.from(payloads[0]?.data ?? '', 'base64').toString()).toBe('{"row":"content"}');
    expect(response.headers.get('access-control-allow-origin')).toBe(origin);
  },
);

test.each([{}, { authorization: 'Bearer another-token-here' }, { authorization: `Bearer ${token}x` }])(
  'answers nothing without it: %o',
  async (headers) => {
    const response = await decode(headers);
    expect(response.status).toBe(401);
    expect(await response.text()).not.toContain('content');
  },
);

test('a page of another origin gets nothing, be its name ever so like', async () => {
  for (const other of ['https://temporal.example.evil', 'http://temporal.example', 'null']) {
    const response = await decode({ authorization: `Bearer ${token}`, origin: other });
    expect(response.status).toBe(403);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    const before = await ask('/decode', { method: 'OPTIONS', headers: { origin: other } });
    expect(before.headers.get('access-control-allow-origin')).toBeNull();
  }
  const before = await ask('/decode', { method: 'OPTIONS', headers: { origin } });
  expect(before.headers.get('access-control-allow-origin')).toBe(origin);
  expect(before.headers.get('access-control-allow-headers')).toContain('x-namespace');
});

test('what is no list of payloads is refused, and nothing is encoded', async () => {
  const authorization = `Bearer ${token}`;
  for (const body of ['', 'null', '{"payloads":7}', '{"payloads":[{"data":7}]}'])
    expect((await decode({ authorization }, body)).status).toBe(400);
  const encode = await ask('/encode', {
    method: 'POST',
    headers: { authorization },
    body: '{"payloads":[]}',
  });
  expect(encode.status).toBe(404);
  const large = await decode({ authorization }, 'x'.repeat(9 * 1024 * 1024)).catch(() => null);
  expect(large === null || large.status === 413).toBe(true);
});

test('a request that is half sent does not keep it from stopping', async () => {
  if (!encryption) throw new Error('there is a key');
  const own = await serveCodec({ encryption, token, origin, host: '127.0.0.1', port: 0 });
  const socket = connect({ host: '127.0.0.1', port: own.port });
  socket.on('error', () => undefined);
  await new Promise((connected) => socket.once('connect', connected));
  socket.write('POST /decode HTTP/1.1\r\nhost: codec\r\ncontent-length: 100\r\n');
  await own.close();
  socket.destroy();
});
