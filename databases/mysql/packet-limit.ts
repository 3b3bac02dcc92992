import { format } from 'mysql2';
import type { Parameter } from '../engine/session.ts';

/** A statement that its server would not take. It was not sent: the server would close the connection instead of answering. */
export class StatementTooLarge extends Error {
  readonly remedy: string;

  constructor(bytes: number, limit: number) {
    super(
      `a statement of ${bytes} bytes is larger than the ${limit} that the server takes (max_allowed_packet), so a value of the row is too large`,
    );
    this.remedy =
      'raise max_allowed_packet to more than twice the size of the largest value, or shorten the value';
  }
}

/** What comes with a statement in its packet, and more. */
const headerBytes = 1_024;
/** No character of a text has more bytes in UTF-8, or escaped. */
const bytesOfCharacter = 3;

/** Throws `StatementTooLarge` where a statement does not fit into a packet of so many bytes. */
export function assertFits(sql: string, parameters: readonly Parameter[], limit: number): void {
  const room = limit - headerBytes;
  let atMost = sql.length * bytesOfCharacter;
  for (const value of parameters)
    atMost += typeof value === 'string' ? value.length * bytesOfCharacter + 2 : 32;
  if (atMost <= room) return;
  const bytes = bytesOf(sql, parameters);
  if (bytes > room) throw new StatementTooLarge(bytes, limit);
}

/** Without a look at the statement itself, which would be a copy of each value. */
function bytesOf(sql: string, parameters: readonly Parameter[]): number {
  if (parameters.length === 0) return Buffer.byteLength(sql);
  const texts = parameters.filter((value) => typeof value === 'string');
  const others = parameters.map((value) => (typeof value === 'string' ? '' : value));
  return texts.reduce((sum, text) => sum + escapedBytes(text), Buffer.byteLength(format(sql, others)));
}

function escapedBytes(text: string): number {
  let bytes = Buffer.byteLength(text);
  for (let at = 0; at < text.length; at++) if (escaped.has(text.charCodeAt(at))) bytes += 1;
  return bytes;
}

/** What the driver writes as two characters. */
const escaped = new Set([...'\0\b\t\n\r\u001a"\'\\'].map((character) => character.charCodeAt(0)));
