import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type DataConverter,
  defaultPayloadConverter,
  type Payload,
  type PayloadCodec,
  type SerializationContext,
} from '@temporalio/common';
import { LockstepError } from '../../model/failure.ts';
import { unopened, unsealed } from '../../model/inputs/not-taken.ts';
import {
  type Encryption,
  type EncryptionKey,
  encryptionKeyVariable,
  encryptionOf,
  encryptionVariable,
  isKeyId,
} from './encryption-keys.ts';
import type { KeyPatience } from './key-patience.ts';
import { placeOf } from './payload-place.ts';

const encoding = 'binary/lockstep-aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;
const plain =
  `is not encrypted; whoever wrote it has no ${encryptionKeyVariable}. ` +
  `Where it is older than the key, set ${encryptionVariable}=optional until it is gone`;

/**
 * What clients and workers put between themselves and Temporal: encryption where a key is set, else nothing.
 *
 * @param side a worker looks at inputs and messages before workflows do, and so answers for those that are not encrypted
 * @param patience a worker's, with what is encrypted by a key that it does not have
 * @throws LockstepError `InvalidDefinition`; see `encryptionOf`
 */
export function createDataConverter(
  environment: NodeJS.ProcessEnv,
  side: 'client' | 'worker' = 'client',
  patience?: KeyPatience,
): DataConverter {
  const encryption = encryptionOf(environment);
  if (encryption === null) return {};
  return {
    payloadCodecs: [createEncryptionCodec(encryption, side, patience)],
    // Messages and stacks of failures are payloads then, too. Temporal's client loads it by its path.
    failureConverterPath: fileURLToPath(
      new URL(`./encoded-failures${extname(import.meta.url)}`, import.meta.url),
    ),
  };
}

/** AES-256-GCM over whole payloads, bound to where they belong, so that Temporal's histories hold no readable row. */
export function createEncryptionCodec(
  { first, all, isRequired }: Encryption,
  side: 'client' | 'worker',
  patience?: KeyPatience,
): PayloadCodec {
  const read = (payload: Payload, context: SerializationContext | undefined): Payload => {
    if (!isSealed(payload) && !isRequired) return payload;
    const found = isSealed(payload) ? open(payload, all, context) : { wrong: plain };
    if ('metadata' in found) return found;
    if ('missing' in found) {
      const error = unknownKey(found.missing, context);
      // Nobody looks at the result of an activity.
      if (context?.type === 'workflow' && patience?.isOver(error))
        return defaultPayloadConverter.toPayload(unopened);
      throw error;
    }
    // A task that failed for it would be tried for ever.
    if (side === 'worker' && context !== undefined) return defaultPayloadConverter.toPayload(unsealed);
    throw fault(`a payload in Temporal${ofWorkflow(context)} ${found.wrong}`);
  };
  return {
    encode: async (payloads, context) => payloads.map((payload) => seal(payload, first, context)),
    decode: async (payloads, context) => payloads.map((payload) => read(payload, context)),
  };
}

/** By which key a payload is encrypted; null where it is not. */
export function keyIdOf(payload: Payload): string | null {
  return isSealed(payload) ? textOf(payload.metadata?.['encryption-key-id']) : null;
}

function isSealed(payload: Payload): boolean {
  return textOf(payload.metadata?.encoding) === encoding;
}

function seal(
  payload: Payload,
  { id, key }: EncryptionKey,
  context: SerializationContext | undefined,
): Payload {
  const place = context ? placeOf(context) : '';
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(bound(id, place));
  const data = Buffer.concat([nonce, cipher.update(flat(payload)), cipher.final(), cipher.getAuthTag()]);
  return {
    metadata: {
      encoding: Buffer.from(encoding),
      'encryption-key-id': Buffer.from(id),
      place: Buffer.from(place),
    },
    data,
  };
}

interface Opened extends Payload {
  readonly metadata: Record<string, Uint8Array>;
}

/** What was encrypted, or what is wrong with it. Where the key is missing, another process may have it. */
function open(
  payload: Payload,
  keys: readonly EncryptionKey[],
  context: SerializationContext | undefined,
): Opened | { readonly wrong: string } | { readonly missing: string | null } {
  const id = keyIdOf(payload);
  const found = keys.find((key) => key.id === id);
  if (!found) return { missing: id };
  const place = textOf(payload.metadata?.place);
  if (context && place !== placeOf(context))
    return { wrong: 'was encrypted for another place; somebody has moved it' };
  try {
    return unflat(opened(Buffer.from(payload.data ?? []), found, place));
  } catch {
    return { wrong: `is not what key ${id} has encrypted; somebody has changed it` };
  }
}

/** Throws for all that is not the same, data that is too short to be anything among it. */
function opened(data: Buffer, { id, key }: EncryptionKey, place: string): string {
  const nonce = data.subarray(0, nonceBytes);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(bound(id, place)).setAuthTag(data.subarray(-tagBytes));
  const text = Buffer.concat([decipher.update(data.subarray(nonceBytes, -tagBytes)), decipher.final()]);
  return text.toString('utf8');
}

/** Says which key is missing, and never that Temporal does not answer. */
export function unknownKey(id: string | null, context?: SerializationContext): LockstepError {
  // Whoever sent it has chosen the name.
  const name = id !== null && isKeyId(id) ? id : 'of a name that no key of ours has';
  return fault(
    `a payload in Temporal${ofWorkflow(context)} was encrypted with key ${name}, which ${encryptionKeyVariable} does not hold; ` +
      'set the key that services and workers have, or add an older one after it',
  );
}

function fault(message: string): LockstepError {
  return new LockstepError('InvalidDefinition', message, { path: encryptionKeyVariable });
}

function ofWorkflow(context: SerializationContext | undefined): string {
  return context?.workflowId === undefined ? '' : ` (workflow ${context.workflowId})`;
}

/** What is authenticated, though everybody can read it. */
function bound(keyId: string, place: string): Buffer {
  return Buffer.from(JSON.stringify([encoding, keyId, place]));
}

function flat(payload: Payload): string {
  const metadata = Object.entries(payload.metadata ?? {}).map(([name, value]) => [name, base64(value)]);
  return JSON.stringify({
    metadata: Object.fromEntries(metadata),
    data: base64(payload.data ?? new Uint8Array()),
  });
}

function unflat(text: string): Opened {
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
