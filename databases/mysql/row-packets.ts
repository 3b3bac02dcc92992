import type { Socket } from 'node:net';
import type { Connection, Query } from 'mysql2';
import type mysql from 'mysql2/promise';
import { stretchBytes } from '../engine/bulk-engine.ts';
import type { Parameter } from '../engine/session.ts';

/** A packet as the driver's parser hands it out; it is the same object for every row. */
export interface RowPacket {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
  isEOF(): boolean;
}

/** As the driver has it, beside what its typings say. */
type OwnQuery = Query & {
  row?: RowState;
  /** Ends the clock of its timeout. */
  done(): unknown;
};
type OwnConnection = Connection & { readonly stream: Socket };
type RowState = (packet: RowPacket, connection: unknown) => unknown;

/**
 * The rows of a query as the server sends them, without an object or a string for any of them: the driver calls the
 * command's `row` for each packet, which is ours here. Memory is that of what `take` keeps. Once it answers false, the connection
 * is cut, because the server would send the other rows all the same; then the answer is false as well.
 */
export function streamRows(
  client: mysql.PoolConnection,
  statement: { readonly sql: string; readonly parameters: readonly Parameter[]; readonly timeoutMs: number },
  take: (packet: RowPacket) => boolean,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const query = underneath(client).query({
      sql: statement.sql,
      values: [...statement.parameters],
      timeout: statement.timeoutMs,
    }) as OwnQuery;
    const own = query.row;
    if (typeof own !== 'function' || typeof query.done !== 'function')
      throw new TypeError('this version of mysql2 has another way of reading rows');
    let failed: unknown = null;
    let isEnough = false;
    let taken = 0;
    const row: RowState = (packet, connection) => {
      if (!isEnough && packet.isEOF()) return own.call(query, packet, connection);
      taken += packet.end - packet.offset;
      if (taken >= stretchBytes) {
        taken = 0;
        rest(underneath(client).stream);
      }
      try {
        // After a failure the rest is read and dropped, so that the connection can serve again.
        if (failed === null && !isEnough && !take(packet)) {
          isEnough = true;
          client.destroy();
          underneath(client).stream.destroy();
          query.done();
          resolve(false);
        }
      } catch (error) {
        failed = error;
      }
      return row;
    };
    query.row = row;
    query.on('error', reject);
    query.on('end', () => (failed === null ? resolve(true) : reject(failed)));
  });
}

/** Without it, what has come meanwhile is read on and on, a few megabytes in one turn of the event loop. */
function rest(stream: Socket): void {
  stream.pause();
  setImmediate(() => stream.resume());
}

/** The driver's own connection: the typings say that it is another one with promises. */
export function underneath({ connection }: { readonly connection: unknown }): OwnConnection {
  if (isConnection(connection)) return connection;
  throw new TypeError('this version of mysql2 has another form of connections');
}

function isConnection(connection: unknown): connection is OwnConnection {
  return (
    typeof connection === 'object' &&
    connection !== null &&
    'addCommand' in connection &&
    'stream' in connection
  );
}
