import { createConnection } from 'mysql2/promise';
import { field } from '../../model/field.ts';
import type { Awkward, CorpusType } from './awkward.ts';

const megabytes = [1, 8, 20, 60];
/** More than twice the largest value: bytes travel as two digits each. */
const packetBytes = 256 * 1024 * 1024;

/** Columns with values of many megabytes. They are only copied: a message of Temporal's holds two. */
export function largeTypes(from: 'mysql' | 'postgresql'): CorpusType[] {
  const [bytes, text, bytesThere, textThere] =
    from === 'mysql' ? ['LONGBLOB', 'LONGTEXT', 'bytea', 'text'] : ['bytea', 'text', 'LONGBLOB', 'LONGTEXT'];
  return [
    {
      name: 'large_bytes',
      source: bytes,
      target: bytesThere,
      field: field.bytes(),
      values: megabytes.map((size) => largeBytes(size * 500_000, from)),
    },
    {
      name: 'large_text',
      source: text,
      target: textThere,
      field: field.text(),
      values: megabytes.map((size): Awkward => {
        const literal = `repeat('ab', ${size * 500_000})`;
        return { literal, is: 'ab'.repeat(size * 500_000), there: literal, copied: true };
      }),
    },
  ];
}

function largeBytes(pairs: number, from: 'mysql' | 'postgresql'): Awkward {
  const mysql = `REPEAT(x'00FF', ${pairs})`;
  const postgresql = `decode(repeat('00ff', ${pairs}), 'hex')`;
  const [literal, there] = from === 'mysql' ? [mysql, postgresql] : [postgresql, mysql];
  return { literal, is: '00ff'.repeat(pairs), there, copied: true };
}

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
