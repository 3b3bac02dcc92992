import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import { LockstepError } from '../../model/failure.ts';

/** Holds one key or several, comma-separated: the first encrypts, all decrypt. Each is 32 bytes in base64. */
const encryptionKeyVariable = 'LOCKSTEP_ENCRYPTION_KEY';

const encoding = 'binary/lockstep-aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** What clients and workers put between themselves and Temporal: encryption where a key is set, else nothing. */
export function createDataConverter(environment: NodeJS.ProcessEnv): DataConverter {
  const keys = environment[encryptionKeyVariable];
  return keys ? { payloadCodecs: [createEncryptionCodec(keys.split(','))] } : {};
}

/** AES-256-GCM over whole payloads, so that Temporal's histories hold no readable row. */
export function createEncryptionCodec(base64Keys: readonly string[]): PayloadCodec {
  const keys = base64Keys.map((text) => {
    const key = Buffer.from(text.trim(), 'base64');
    if (key.length !== 32) {
      throw new LockstepError(
        'InvalidDefinition',
        `${encryptionKeyVariable} holds a key of ${key.length} bytes; each is 32 bytes in base64, such as openssl rand -base64 32 makes`,
        { path: encryptionKeyVariable },
      );
    }
    return { id: createHash('sha256').update(key).digest('hex').slice(0, 8), key };
  });
  const [first] = keys;
  if (!first) throw new TypeError('an encryption codec needs a key');
  return {
    encode: async (payloads) => payloads.map((payload) => sealed(payload, first)),
    decode: async (payloads) =>
      payloads.map((payload) => {
        if (textOf(payload.metadata?.encoding) !== encoding) return payload;
        const id = textOf(payload.metadata?.['encryption-key-id']);
        const found = keys.find((key) => key.id === id);
        if (found) return opened(payload, found.key);
        throw new LockstepError(
          'InvalidDefinition',
          `a payload was encrypted with key ${id}, which ${encryptionKeyVariable} does not hold; add it after the current one`,
          { path: encryptionKeyVariable },
        );
      }),
  };
}

function sealed(payload: Payload, { id, key }: { id: string; key: Buffer }): Payload {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const data = Buffer.concat([nonce, cipher.update(flat(payload)), cipher.final(), cipher.getAuthTag()]);
  return { metadata: { encoding: Buffer.from(encoding), 'encryption-key-id': Buffer.from(id) }, data };
}

function opened(payload: Payload, key: Buffer): Payload {
  const data = Buffer.from(payload.data ?? []);
  const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, nonceBytes));
  decipher.setAuthTag(data.subarray(-tagBytes));
  const text = Buffer.concat([decipher.update(data.subarray(nonceBytes, -tagBytes)), decipher.final()]);
  return unflat(text.toString('utf8'));
}

function flat(payload: Payload): string {
  const metadata = Object.entries(payload.metadata ?? {}).map(([name, value]) => [name, base64(value)]);
  return JSON.stringify({
    metadata: Object.fromEntries(metadata),
    data: base64(payload.data ?? new Uint8Array()),
  });
}

function unflat(text: string): Payload {
  const { metadata, data } = JSON.parse(text) as { metadata: Record<string, string>; data: string };
  return {
    metadata: Object.fromEntries(
      Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value, 'base64')]),
    ),
    data: Buffer.from(data, 'base64'),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function textOf(bytes: Uint8Array | null | undefined): string {
  return bytes ? Buffer.from(bytes).toString('utf8') : '';
}
