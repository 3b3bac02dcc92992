import { connect } from 'node:net';

/** What no browser sends. */
export const badRequests: readonly string[] = [
  '',
  '\r\n',
  'GET',
  'GET /live',
  'GET /live HTTP/1.1\r\n',
  'GET /live HTTP/9.9\r\n\r\n',
  'GET /live HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n',
  'POST /live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  `GET /live HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
  `GET /${'../'.repeat(2_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  'GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /ready\u0000 HTTP/1.1\r\nHost: x\r\n\r\n',
  'DELETE /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  'GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  '\u0016\u0003\u0001\u0002\u0000\u0001\u0000',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
];

/** Resolves when the server has ended the connection; false where it has not in that time. */
export async function isEndedByServer(port: number, request: string, withinMs: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    return await new Promise<boolean>((resolve) => {
      // Nobody reads the answer, and a reset is an end as well.
      socket.resume().once('close', () => resolve(true));
      socket.on('error', () => {});
      socket.write(request);
      setTimeout(() => resolve(false), withinMs).unref();
    });
  } finally {
    socket.destroy();
  }
}
