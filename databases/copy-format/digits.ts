/** Bytes as two digits each, and back, without a string in between: a value may have many megabytes. */

const digits = Buffer.from('0123456789abcdef');
const values = new Uint8Array(256);
for (const [value, digit] of digits.entries()) {
  values[digit] = value;
  values[String.fromCharCode(digit).toUpperCase().charCodeAt(0)] = value;
}

/** Where the digits end, which begin at `at` of `into`. */
export function putDigits(source: Buffer, from: number, to: number, into: Buffer, at: number): number {
  let place = at;
  for (let index = from; index < to; index++) {
    const byte = source[index] as number;
    into[place++] = digits[byte >> 4] as number;
    into[place++] = digits[byte & 15] as number;
  }
  return place;
}

export function bytesOfDigits(source: Buffer, from: number, to: number): Buffer {
  const bytes = Buffer.allocUnsafe((to - from) / 2);
  let index = from;
  for (let place = 0; place < bytes.length; place++) {
    const high = values[source[index++] as number] as number;
    bytes[place] = (high << 4) | (values[source[index++] as number] as number);
  }
  return bytes;
}
