import { field } from '../../model/field.ts';
import { type Awkward, type CorpusType, type MysqlServer, only, refused } from './awkward.ts';

const megabyte = 1_000_000;
const megabytes = [1, 8, 20, 60] as const;
/** As two digits for each byte it is longer than the packet that `withLargePackets` sets. */
const unpacked = 70;
const medium = 16;
/** What a value of a write may have as JSON: Temporal takes a little more. */
const sentBytes = 2_050_000;

/** A piece that values are made of, and SQL of both databases for many of it. */
interface Piece {
  /** As canonical text. */
  readonly text: string;
  /** Of one, where it is stored. */
  readonly bytes: number;
  mysql(times: number): string;
  postgresql(times: number): string;
}

function ofText(text: string): Piece {
  const digits = Buffer.from(text).toString('hex');
  return {
    text,
    bytes: digits.length / 2,
    mysql: (times) => `REPEAT(CONVERT(UNHEX('${digits}') USING utf8mb4), ${times})`,
    postgresql: (times) => `repeat(convert_from(decode('${digits}', 'hex'), 'UTF8'), ${times})`,
  };
}

/** Each byte is in it, and each follows and is followed by another one than in UTF-8. */
const digits = Buffer.from(Uint8Array.from({ length: 256 }, (_, at) => (at * 37) % 256)).toString('hex');
const everyByte: Piece = {
  text: digits,
  bytes: 256,
  mysql: (times) => `REPEAT(UNHEX('${digits}'), ${times})`,
  postgresql: (times) => `decode(repeat('${digits}', ${times}), 'hex')`,
};
const awkwardText = ofText('Grüße 🎉 — \'x\' "y" \\N \\ \t \n \r end ');
const memberText = ofText('Grüße 🎉 漢字 0123456789 ');
const elements = ofText('[1,2.5,"x",null,{"ä":true}],');

type Engine = 'mysql' | 'postgresql';

/** Of about `size` megabytes; `around` makes a literal of the repeated pieces, and the canonical value of their text. */
function huge(from: Engine, piece: Piece, size: number, around = bare, server?: MysqlServer): Awkward {
  const times = Math.ceil((size * megabyte) / piece.bytes);
  const to = from === 'mysql' ? 'postgresql' : 'mysql';
  const canonical = () => around.canonical(piece.text.repeat(times));
  return {
    literal: around[from](piece[from](times)),
    // Made anew each time: all of them together would fill the memory.
    get is() {
      return canonical();
    },
    there: around[to](piece[to](times)),
    ...(times * (Buffer.byteLength(JSON.stringify(piece.text)) - 2) > sentBytes ? { unsent: true } : {}),
    ...(server ? { only: server } : {}),
  };
}

interface Around {
  canonical(text: string): string;
  mysql(sql: string): string;
  postgresql(sql: string): string;
}

const bare: Around = { canonical: (text) => text, mysql: (sql) => sql, postgresql: (sql) => sql };
const between = (head: string, tail: string, type: string): Around => ({
  canonical: (text) => `${head}${text}${tail}`,
  mysql: (sql) => `CONCAT('${head}', ${sql}, '${tail}')`,
  postgresql: (sql) => `('${head}' || ${sql} || '${tail}')::${type}`,
});
const member = (type: string) => between('{"text":"', '"}', type);
const list = (type: string) => between('[', '0]', type);

const jsons = (from: Engine, type: string) => [
  ...megabytes.map((size) => huge(from, memberText, size, member(type))),
  // Each element is an object on its way.
  huge(from, elements, 1, list(type)),
];
const all = (from: Engine, piece: Piece) => megabytes.map((size) => huge(from, piece, size));
const ofMedium = (from: Engine, piece: Piece, why: RegExp) =>
  megabytes.map((size) => {
    const found = huge(from, piece, size);
    return size > medium ? refused(found.literal, why) : found;
  });
const beyondPacket = (from: Engine) =>
  refused(huge(from, everyByte, unpacked).literal, /max_allowed_packet.*|too large/);
/** MySQL gives more digits than it takes; MariaDB does not. */
const beyondGiven = [
  ...only('MariaDB', beyondPacket('mysql')),
  huge('mysql', everyByte, unpacked, bare, 'MySQL'),
];

/** Columns that take values of many megabytes, and those; servers must take packets that such values fit into. */
export const hugeTypes: Readonly<Record<Engine, readonly CorpusType[]>> = {
  mysql: [
    {
      name: 'huge_text',
      source: 'LONGTEXT',
      target: 'text',
      field: field.text(),
      values: all('mysql', awkwardText),
    },
    {
      name: 'huge_bytes',
      source: 'LONGBLOB',
      target: 'bytea',
      field: field.bytes(),
      values: [...all('mysql', everyByte), ...beyondGiven],
    },
    {
      name: 'huge_json',
      source: 'JSON',
      target: 'jsonb',
      field: field.json(),
      values: jsons('mysql', 'jsonb'),
    },
  ],
  postgresql: [
    {
      name: 'huge_text',
      source: 'text',
      target: 'LONGTEXT',
      field: field.text(),
      values: all('postgresql', awkwardText),
    },
    {
      name: 'huge_bytes',
      source: 'bytea',
      target: 'LONGBLOB',
      field: field.bytes(),
      values: [...all('postgresql', everyByte), beyondPacket('postgresql')],
    },
    {
      name: 'huge_jsonb',
      source: 'jsonb',
      target: 'JSON',
      field: field.json(),
      values: jsons('postgresql', 'jsonb'),
    },
    {
      name: 'huge_json',
      source: 'json',
      target: 'JSON',
      field: field.json(),
      values: jsons('postgresql', 'json'),
    },
    {
      name: 'huge_medium',
      source: 'text',
      target: 'MEDIUMTEXT',
      field: field.text(),
      values: ofMedium('postgresql', awkwardText, /too long/),
    },
    {
      name: 'huge_blob',
      source: 'bytea',
      target: 'MEDIUMBLOB',
      field: field.bytes(),
      values: ofMedium('postgresql', everyByte, /too long/),
    },
  ],
};
