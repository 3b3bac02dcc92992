import { createHash } from 'node:crypto';

const maxPlainKeyLength = 46;

/** The operation id where it fits, else its hash; no id of a caller begins with `#`. */
export function transactionKey(operationId: string): string {
  if (operationId.length <= maxPlainKeyLength) return operationId;
  return `#${createHash('sha256').update(operationId).digest('base64url')}`;
}

/** The operation id that a key stands for, unless only its hash is left. */
export function operationIdOf(key: string): string | null {
  return key.startsWith('#') ? null : key;
}
