import { connect } from 'node:net';

const withinMs = 2_000;

/** Why no connection is made to `host:port`; null where one is, and where the address is of another form. */
export async function silenceOf(address: string): Promise<string | null> {
  const [, host, port] = /^\[?([^\]/]+)\]?:(\d+)$/.exec(address) ?? [];
  if (host === undefined) return null;
  const socket = connect({ host, port: Number(port), timeout: withinMs });
  return await new Promise<string | null>((resolve) => {
    socket
      .once('connect', () => resolve(null))
      .once('timeout', () => resolve(`no connection within ${withinMs / 1_000} s`))
      .once('error', (error: NodeJS.ErrnoException) => resolve(wordsOf(error.code)));
  }).finally(() => socket.destroy());
}

function wordsOf(code = 'no connection'): string {
  if (code === 'ECONNREFUSED') return 'nothing listens there (ECONNREFUSED)';
  return code === 'ENOTFOUND' || code === 'EAI_AGAIN' ? `nobody knows that host (${code})` : code;
}
