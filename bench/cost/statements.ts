import { proxy } from '../../test/support/proxy.ts';

/** A database as seen through a proxy that counts what it is asked to execute. A statement is a round trip, whatever is in it. */
export interface CountedStore extends AsyncDisposable {
  readonly url: string;
  readonly statements: () => number;
}

/** @param url of a server that is spoken to without TLS, as those for development are */
export async function countStatements(url: string): Promise<CountedStore> {
  let statements = 0;
  const count = () => {
    statements += 1;
  };
  const countsOf = url.startsWith('postgres') ? postgresqlMessages : mysqlPackets;
  const through = await proxy(url, () => countsOf(count));
  return { url: through.url, statements: () => statements, [Symbol.asyncDispose]: () => through.close() };
}

const comQuery = 3;
const comStatementExecute = 23;

/** Each packet has its length in three bytes and its place in the exchange in one; a command is the first of its exchange. */
function mysqlPackets(executed: () => void): (sent: Buffer) => void {
  return framed(4, (head) => ({
    length: 4 + head.readUIntLE(0, 3),
    see: (packet) => {
      if (packet[3] === 0 && (packet[4] === comQuery || packet[4] === comStatementExecute)) executed();
    },
  }));
}

/** Each message has a letter and its length in four bytes, but for the first, which has no letter. */
function postgresqlMessages(executed: () => void): (sent: Buffer) => void {
  let started = false;
  return framed(5, (head) => {
    if (!started) {
      started = true;
      return { length: head.readUInt32BE(0), see: () => {} };
    }
    return {
      length: 1 + head.readUInt32BE(1),
      see: ([letter]) => {
        if (letter === 0x51 /* Q */ || letter === 0x45 /* E */) executed();
      },
    };
  });
}

interface Frame {
  readonly length: number;
  see(frame: Buffer): void;
}

/** Cuts what comes in pieces into frames, of which the first bytes tell the length. */
function framed(headLength: number, frameOf: (head: Buffer) => Frame): (sent: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let frame: Frame | undefined;
  return (sent) => {
    rest = rest.length === 0 ? sent : Buffer.concat([rest, sent]);
    for (;;) {
      if (frame === undefined && rest.length < headLength) return;
      frame ??= frameOf(rest);
      if (rest.length < frame.length) return;
      frame.see(rest.subarray(0, frame.length));
      rest = rest.subarray(frame.length);
      frame = undefined;
    }
  };
}
