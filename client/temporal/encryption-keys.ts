import { createHash } from 'node:crypto';
import { LockstepError } from '../../model/failure.ts';

/** Holds one key or several, comma-separated: the first encrypts, all decrypt. Each is 32 bytes in base64. */
export const encryptionKeyVariable = 'LOCKSTEP_ENCRYPTION_KEY';
/** `required` (the default where there is a key) refuses what is not encrypted; `optional` takes it. */
export const encryptionVariable = 'LOCKSTEP_ENCRYPTION';

export interface EncryptionKey {
  /** Stands beside what it encrypts. */
  readonly id: string;
  readonly key: Buffer;
}

export interface Encryption {
  readonly first: EncryptionKey;
  /** The first one too. */
  readonly all: readonly EncryptionKey[];
  readonly isRequired: boolean;
}

/**
 * What the environment says of encryption; null where there is no key.
 *
 * @throws LockstepError `InvalidDefinition` for an empty key, one of another length, or a word that does not exist
 */
export function encryptionOf(environment: NodeJS.ProcessEnv): Encryption | null {
  const keys = environment[encryptionKeyVariable];
  const word = environment[encryptionVariable];
  if (word !== undefined && word !== 'required' && word !== 'optional')
    throw fault(encryptionVariable, `${encryptionVariable} is "${word}"; set it to required or optional`);
  if (keys === undefined) {
    if (word !== 'required') return null;
    throw fault(
      encryptionKeyVariable,
      `${encryptionVariable} is required, and ${encryptionKeyVariable} is not set; set the key that services and workers have`,
    );
  }
  const [first, ...others] = keys.split(',').map((text) => keyOf(text.trim()));
  if (!first) throw new TypeError('a split text has a first part');
  return { first, all: [first, ...others], isRequired: word !== 'optional' };
}

/** Whether a key could have this name. */
export function isKeyId(id: string): boolean {
  return /^[0-9a-f]{8}$/.test(id);
}

function keyOf(base64: string): EncryptionKey {
  if (base64 === '')
    throw fault(
      encryptionKeyVariable,
      `${encryptionKeyVariable} holds an empty key, so nothing would be encrypted by it; set a key, or unset the variable`,
    );
  const key = Buffer.from(base64, 'base64');
  if (key.length !== 32)
    throw fault(
      encryptionKeyVariable,
      `${encryptionKeyVariable} holds a key of ${key.length} bytes; each is 32 bytes in base64, such as openssl rand -base64 32 makes`,
    );
  return { id: createHash('sha256').update(key).digest('hex').slice(0, 8), key };
}

function fault(path: string, message: string): LockstepError {
  return new LockstepError('InvalidDefinition', message, { path });
}
