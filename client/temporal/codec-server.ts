import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from 'node:http';
import * as v from 'valibot';
import { LockstepError } from '../../model/failure.ts';
import { listening, stopListening } from '../listening.ts';
import { createEncryptionCodec } from './encryption.ts';
import type { Encryption } from './encryption-keys.ts';

export interface CodecServerOptions {
  readonly encryption: Encryption;
  /** What a caller must show: `Authorization: Bearer TOKEN`, or TOKEN as the password of Basic. */
  readonly token: string;
  /** Of Temporal's UI, such as `https://temporal.example`: no page of another origin gets an answer. */
  readonly origin: string;
  readonly host: string;
  readonly port: number;
}

export interface CodecServer {
  readonly port: number;
  close(): Promise<void>;
}

const maxBodyBytes = 8 * 1024 * 1024;
/** Whoever asks sends it at once. */
const limits = {
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8 * 1024,
} satisfies ServerOptions;

const base64 = v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]*={0,2}$/));
const bodySchema = v.object({
  payloads: v.array(
    v.object({ metadata: v.optional(v.record(v.string(), base64)), data: v.optional(base64, '') }),
  ),
});

/**
 * Decodes payloads for people who look at Temporal's UI or use its command line: https://docs.temporal.io/codec-server. It encodes nothing:
 * what it is asked for does not say which workflow it is for, and so could not be bound to one.
 */
export async function serveCodec(options: CodecServerOptions): Promise<CodecServer> {
  const server = createServer(limits, (request, response) => {
    allowOrigin(options.origin, request, response);
    answer(options, request).then(
      ({ status, body, headers }) => {
        // A body that nobody reads must not keep the connection.
        response.writeHead(status, { ...headers, connection: 'close', 'content-type': 'application/json' });
        response.end(JSON.stringify(body));
      },
      () => response.destroy(),
    );
  });
  server.maxConnections = 100;
  const port = await listening(server, options);
  return { port, close: () => stopListening(server) };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

async function answer(options: CodecServerOptions, request: IncomingMessage): Promise<Answer> {
  // A browser asks before it sends what the page wants to; without the origin's header it goes no further.
  if (request.method === 'OPTIONS') return { status: 200, body: {} };
  const { origin } = request.headers;
  if (origin !== undefined && origin !== options.origin) return fault(403, 'this origin is not allowed');
  if (!isAuthorized(request.headers.authorization, options.token))
    return {
      ...fault(401, 'send Authorization: Bearer TOKEN, or TOKEN as the password of Basic'),
      headers: { 'www-authenticate': 'Basic realm="lockstep codec"' },
    };
  const { pathname } = new URL(request.url ?? '/', 'http://codec');
  if (request.method === 'GET' && pathname === '/') return { status: 200, body: { codec: 'lockstep' } };
  if (request.method !== 'POST' || pathname !== '/decode') return fault(404, 'use POST /decode');
  const text = await bodyOf(request);
  if (text === null) return fault(413, `a body has at most ${maxBodyBytes} bytes`);
  const read = v.safeParse(bodySchema, parsed(text));
  if (!read.success) return fault(400, 'the body is not { "payloads": [{ "metadata": {}, "data": "" }] }');
  return await decoded(options.encryption, read.output.payloads);
}

async function decoded(
  encryption: Encryption,
  given: v.InferOutput<typeof bodySchema>['payloads'],
): Promise<Answer> {
  // People may see what was plain already.
  const codec = createEncryptionCodec({ ...encryption, isRequired: false }, 'client');
  const payloads = given.map(({ metadata = {}, data }) => ({
    metadata: mapped(metadata, (text) => Buffer.from(text, 'base64')),
    data: Buffer.from(data, 'base64'),
  }));
  try {
    const opened = await codec.decode(payloads);
    return {
      status: 200,
      body: {
        payloads: opened.map(({ metadata, data }) => ({
          metadata: mapped(metadata ?? {}, base64Of),
          data: base64Of(data ?? new Uint8Array()),
        })),
      },
    };
  } catch (error) {
    if (error instanceof LockstepError) return fault(400, error.message);
    throw error;
  }
}

function fault(status: number, error: string): Answer {
  return { status, body: { error } };
}

/** Exactly one, and never what was asked for: `*`, or an echo, would give every page the answers. */
function allowOrigin(origin: string, request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('vary', 'origin');
  if (request.headers.origin !== origin) return;
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-allow-credentials', 'true');
  response.setHeader('access-control-allow-methods', 'POST');
  response.setHeader('access-control-allow-headers', 'authorization, content-type, x-namespace');
}

function isAuthorized(header: string | undefined, token: string): boolean {
  const [scheme = '', given = ''] = (header ?? '').split(' ');
  if (/^bearer$/i.test(scheme)) return isSame(given, token);
  if (!/^basic$/i.test(scheme)) return false;
  const text = Buffer.from(given, 'base64').toString('utf8');
  return isSame(text.slice(text.indexOf(':') + 1), token);
}

function isSame(given: string, wanted: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(wanted)];
  return one.length === other.length && timingSafeEqual(one, other);
}

async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += part.length;
    if (bytes > maxBodyBytes) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function mapped<A, B>(from: Readonly<Record<string, A>>, to: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(from).map(([name, value]) => [name, to(value)]));
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
