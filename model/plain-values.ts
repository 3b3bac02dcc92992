import type { AnyFields, Field } from './field.ts';
import { memberOf } from './member.ts';

/**
 * A value of plain JSON with what JSON has no words for, as a program has it: bigints and bytes. What is of another form than its field
 * wants stays as it is, and its schema says so.
 *
 * @param fields that an object has; members beside them stay, too
 */
export function fromPlain(fields: AnyFields, plain: unknown): unknown {
  if (plain === null || typeof plain !== 'object' || Array.isArray(plain)) return plain;
  return Object.fromEntries(
    Object.entries(plain).map(([name, value]: [string, unknown]) => {
      const declared = memberOf(fields, name);
      return [name, declared ? valueFrom(declared, value) : value];
    }),
  );
}

/** The same of the value of one field. */
export function valueFrom(declared: Field, plain: unknown): unknown {
  switch (declared.form) {
    case 'record':
      return fromPlain(declared.fields, plain);
    case 'list':
      return Array.isArray(plain) ? plain.map((item: unknown) => fromPlain(declared.fields, item)) : plain;
    case 'scalar':
      switch (declared.scalar.kind) {
        case 'bigint':
          return bigintFrom(plain);
        case 'bytes':
          return bytesFrom(plain);
        default:
          return plain;
      }
  }
}

/** A number that JSON's reader has rounded is none. */
function bigintFrom(plain: unknown): unknown {
  if (typeof plain === 'number') return Number.isSafeInteger(plain) ? BigInt(plain) : plain;
  return typeof plain === 'string' && /^-?\d{1,40}$/.test(plain) ? BigInt(plain) : plain;
}

function bytesFrom(plain: unknown): unknown {
  if (typeof plain !== 'string') return plain;
  const bytes = Buffer.from(plain, 'base64');
  return bytes.toString('base64') === plain ? new Uint8Array(bytes) : plain;
}
