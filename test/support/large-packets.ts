import { createConnection } from 'mysql2/promise';

/** Values of 60 MB fit in: bytes travel as two digits each. */
const packetBytes = 128 * 1024 * 1024;

/** Until it is disposed of, new connections to the server take packets that such values fit into. */
export async function withLargePackets(url: string): Promise<AsyncDisposable> {
  const connection = await createConnection(url);
  const [rows] = await connection.query('SELECT @@GLOBAL.max_allowed_packet AS packet');
  const [{ packet }] = rows as [{ packet: number }];
  const set = (bytes: number) => connection.query(`SET GLOBAL max_allowed_packet = ${bytes}`);
  await set(packetBytes);
  return {
    async [Symbol.asyncDispose]() {
      await set(packet);
      await connection.end();
    },
  };
}
