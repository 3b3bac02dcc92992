import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { createServer } from 'node:tls';
import { afterAll, describe, expect, test } from 'vitest';
import { connectTemporal } from '../../client/temporal/connection.ts';
import { connectNative } from '../../workers/worker.ts';
import { authorities, type Certificate } from '../support/certificates.ts';
import { servers } from '../support/servers.ts';

const made = authorities();

/** Temporal as behind a gate that takes none but clients with a certificate of the authority. */
async function gated(certificate: Certificate, authority: string) {
  const [host = '', port] = servers().temporal.address.split(':');
  const gate = createServer(
    {
      cert: readFileSync(certificate.cert),
      key: readFileSync(certificate.key),
      ca: readFileSync(authority),
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['h2'],
    },
    (client) => {
      const behind = connect({ host, port: Number(port) });
      client.pipe(behind).pipe(client);
      for (const end of [client, behind]) end.on('error', () => end.destroy());
      client.on('close', () => behind.destroy());
      behind.on('close', () => client.destroy());
    },
  );
  gate.on('tlsClientError', () => undefined);
  gate.listen(0, '127.0.0.1');
  await once(gate, 'listening');
  return {
    address: `localhost:${(gate.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      gate.close();
    },
  };
}

describe.skipIf('unavailable' in made)('Temporal with client certificates', () => {
  if ('unavailable' in made) return;
  afterAll(() => made[Symbol.dispose]());
  const authority = made.authority('the authority');
  const foreign = made.authority('another authority');
  const client = authority.sign('client');
  const right = authority.sign('temporal', ['DNS:localhost', 'IP:127.0.0.1']);
  const elsewhere = authority.sign('temporal', ['DNS:temporal.example']);
  const settings = (own: Certificate) => ({
    TEMPORAL_NAMESPACE: servers().temporal.namespace,
    TEMPORAL_TLS: 'true',
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: authority.cert,
    TEMPORAL_TLS_CLIENT_CERT_PATH: own.cert,
    TEMPORAL_TLS_CLIENT_KEY_PATH: own.key,
  });
  /** As a service or a command connects, and as a worker does. */
  const ways = [
    [
      'client',
      async (environment: NodeJS.ProcessEnv) => (await connectTemporal(environment)).connection.close(),
    ],
    ['worker', async (environment: NodeJS.ProcessEnv) => (await connectNative(environment)).close()],
  ] as const;

  test.each(ways)('a %s gets in by the environment', async (_, open) => {
    await using gate = await gated(right, authority.cert);
    await open({ ...settings(client), TEMPORAL_ADDRESS: gate.address });
  });

  test.each(ways)('a %s with a certificate of another authority does not', async (_, open) => {
    await using gate = await gated(right, authority.cert);
    const environment = { ...settings(foreign.sign('client')), TEMPORAL_ADDRESS: gate.address };
    await expect(open(environment)).rejects.toMatchObject({ code: 'TemporalUnavailable' });
  });

  test.each(ways)('a %s does not take a server of another name', async (_, open) => {
    await using gate = await gated(elsewhere, authority.cert);
    const environment = { ...settings(client), TEMPORAL_ADDRESS: gate.address };
    await expect(open(environment)).rejects.toMatchObject({ code: 'TemporalUnavailable' });
  });
});
