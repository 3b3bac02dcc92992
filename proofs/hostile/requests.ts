import { randomBytes } from 'node:crypto';
import { serveCodec } from '../../client/temporal/codec-server.ts';
import { encryptionOf } from '../../client/temporal/encryption-keys.ts';
import { serveHealth } from '../../workers/health.ts';
import type { Finding } from './fault.ts';
import { badRequests, isEndedByServer, slowRequest } from './half-http.ts';

const limitMs = 30_000;

/** Each request is ended by the server, be it never whole, and others are answered as before. */
export async function sendRequests(count: (place: string) => void): Promise<readonly Finding[]> {
  const encryption = encryptionOf({ LOCKSTEP_ENCRYPTION_KEY: randomBytes(32).toString('base64') });
  if (!encryption) throw new TypeError('there is a key');
  const token = randomBytes(16).toString('hex');
  const host = '127.0.0.1';
  const servers = {
    health: await serveHealth(0, host, async () => []),
    codec: await serveCodec({ encryption, token, origin: 'https://temporal.example', host, port: 0 }),
  };
  const findings: Finding[] = [];
  for (const [name, { port }] of Object.entries(servers)) {
    const place = `request to ${name}`;
    const end = async (request: string, pace: Parameters<typeof isEndedByServer>[3]) => {
      count(place);
      if (!(await isEndedByServer(port, request, limitMs, pace)))
        findings.push({ fault: 'stuck', what: `${place}: ${JSON.stringify(request.slice(0, 60))}` });
    };
    await Promise.all([
      ...badRequests.map((request) => end(request, 'at once')),
      end(slowRequest, 'letter by letter'),
    ]);
    const { status } = await fetch(`http://${host}:${port}/live`);
    if (status !== (name === 'health' ? 200 : 401))
      findings.push({ fault: 'stuck', what: `${name} answers ${status}` });
  }
  for (const server of Object.values(servers)) await server.close();
  return findings;
}
