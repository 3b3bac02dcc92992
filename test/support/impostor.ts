import { generateKeyPairSync, privateDecrypt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Certificate } from './certificates.ts';

/** Stands where a store's server should be, and keeps all that it is told. */
export interface Impostor extends AsyncDisposable {
  readonly port: number;
  /** What came after the connection was encrypted. */
  heard(): Buffer;
  /** Connections that got as far as TLS, accepted or not. */
  greeted(): number;
}

/** How long the message is by which a client asks for TLS. */
const asksForTls = { mysql: 36, postgresql: 8 };

/** Speaks as much of either protocol as comes before TLS, shows its certificate, and listens. */
export async function impostor(engine: 'mysql' | 'postgresql', certificate: Certificate): Promise<Impostor> {
  const heard: Buffer[] = [];
  let greeted = 0;
  const listening = await listen((socket) => {
    if (engine === 'mysql') socket.write(greeting({ encrypts: true }));
    const encrypt = () => {
      // What follows the question is TLS already: MySQL's clients do not wait for an answer.
      if (socket.read(asksForTls[engine]) === null) return;
      socket.off('readable', encrypt);
      if (engine === 'postgresql') socket.write('S');
      const encrypted = new TLSSocket(socket, {
        isServer: true,
        cert: readFileSync(certificate.cert),
        key: readFileSync(certificate.key),
      });
      greeted += 1;
      encrypted.on('error', () => socket.destroy());
      encrypted.on('data', (data: Buffer) => heard.push(data));
    };
    socket.on('readable', encrypt);
  });
  return { ...listening, heard: () => Buffer.concat(heard), greeted: () => greeted };
}

/** A MySQL server without TLS that asks for the password itself, by a key of its own. */
export async function askingForPassword(): Promise<Impostor & { password(): string | null }> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  let password: string | null = null;
  let greeted = 0;
  const listening = await listen((socket) => {
    greeted += 1;
    socket.write(greeting({ encrypts: false }));
    socket.on('data', (data: Buffer) => {
      const sequence = data.readUInt8(3);
      const content = data.subarray(4);
      const answer = (body: Buffer) => socket.write(packet(sequence + 1, body));
      if (sequence === 1)
        answer(Buffer.concat([Buffer.from([0xfe]), Buffer.from('caching_sha2_password\0'), scramble, end]));
      else if (content.length === 32) answer(Buffer.from([1, 4]));
      else if (content.length === 1)
        answer(
          Buffer.concat([Buffer.from([1]), Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }))]),
        );
      else {
        const hidden = privateDecrypt({ key: privateKey, oaepHash: 'sha1' }, content);
        password = Buffer.from(hidden.map((byte, at) => byte ^ (scramble[at % scramble.length] ?? 0)))
          .toString()
          .replace(/\0$/, '');
        socket.end();
      }
    });
  });
  return { ...listening, heard: () => Buffer.alloc(0), greeted: () => greeted, password: () => password };
}

/** A PostgreSQL server without TLS that asks for the password itself. */
export async function askingInClear(): Promise<Impostor & { password(): string | null }> {
  let password: string | null = null;
  let greeted = 0;
  const listening = await listen((socket) => {
    socket.on('data', (data: Buffer) => {
      if (data[0] === 'p'.charCodeAt(0)) {
        password = data.subarray(5, -1).toString();
        socket.end();
        return;
      }
      greeted += 1;
      // https://www.postgresql.org/docs/current/protocol-message-formats.html: AuthenticationCleartextPassword
      socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]));
    });
  });
  return { ...listening, heard: () => Buffer.alloc(0), greeted: () => greeted, password: () => password };
}

async function listen(serve: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

const scramble = Buffer.from('abcdefghijklmnopqrst');
const end = Buffer.from([0]);

function packet(sequence: number, body: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUIntLE(body.length, 0, 3);
  head.writeUInt8(sequence, 3);
  return Buffer.concat([head, body]);
}

/** The first packet of a MySQL server: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html */
function greeting({ encrypts }: { encrypts: boolean }): Buffer {
  // Long passwords, a database, protocol 4.1, secure connections, plugins; and TLS.
  const capabilities = 0x1 | 0x8 | 0x200 | 0x8000 | 0x80000 | (encrypts ? 0x800 : 0);
  const numbers = Buffer.alloc(8 + 10);
  numbers.writeUInt16LE(capabilities & 0xffff, 0);
  numbers.writeUInt8(45, 2);
  numbers.writeUInt16LE(2, 3);
  numbers.writeUInt16LE(capabilities >>> 16, 5);
  numbers.writeUInt8(scramble.length + 1, 7);
  return packet(
    0,
    Buffer.concat([
      Buffer.from([10]),
      Buffer.from('8.4.0\0'),
      Buffer.alloc(4),
      scramble.subarray(0, 8),
      end,
      numbers,
      scramble.subarray(8),
      end,
      Buffer.from('caching_sha2_password\0'),
    ]),
  );
}
