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
  'GET /ready HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000),
  `GET /live HTTP/1.1\r\n${'A: b\r\n'.repeat(3_000)}\r\n`,
  `GET /live HTTP/1.1\r\nHost: x\r\n${'x'.repeat(20_000)}: y\r\n\r\n`,
  'POST /live HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'POST /decode HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde',
  'POST /decode HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
  'POST /decode HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n',
  'POST /live HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n',
  'GET /live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  'CONNECT /live HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /live HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n',
  'GET /live HTTP/1.1\nHost: x\n\n',
  'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
  'GET /live HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n',
  'GET http://%00 HTTP/1.1\r\nHost: x\r\n\r\n',
  '\u0000'.repeat(10_000),
];

/** A request that comes so slowly that it is never whole. */
export const slowRequest = `GET /live HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(4_000)}`;
const lettersEachMs = 100;

/** Resolves when the server has ended the connection; false where it has not in that time. */
export async function isEndedByServer(
  port: number,
  request: string,
  withinMs: number,
  pace: 'at once' | 'letter by letter' = 'at once',
): Promise<boolean> {
  let sent = 0;
  const slowly = () => {
    socket.write(request.slice(sent, sent + 1));
    sent += 1;
  };
  const timer = pace === 'at once' ? undefined : setInterval(slowly, lettersEachMs);
  const socket = connect(port, '127.0.0.1');
  try {
    return await new Promise<boolean>((resolve) => {
      // Nobody reads the answer, and a reset is an end as well.
      socket.resume().once('close', () => resolve(true));
      socket.on('error', () => {});
      if (pace === 'at once') socket.write(request);
      setTimeout(() => resolve(false), withinMs).unref();
    });
  } finally {
    clearInterval(timer);
    socket.destroy();
  }
}
