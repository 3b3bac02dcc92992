import { createHash } from 'node:crypto';
import type { StoreName } from '../model/failure.ts';

/** One attempt of a transaction. Its branches, one in each store, bear its name; what they hold never changes. */
export interface Attempt {
  readonly migration: string;
  /** The transaction's key: see `transactionKey`. */
  readonly transaction: string;
  /** Tells the tries of a transaction apart: eight lower-case letters and digits. */
  readonly attempt: string;
  /** The store that keeps the decision. */
  readonly coordinator: StoreName;
}

/**
 * A branch as XA names it: at most 64 bytes for each part. PostgreSQL takes both, joined by a colon, which is also how both
 * engines list them.
 */
export interface BranchName {
  readonly migration: string;
  readonly global: string;
  readonly local: string;
}

export const branchPrefix = 'lockstep:';
const longestPlainKey = 46;
const initials: Readonly<Record<StoreName, string>> = { legacy: 'l', modern: 'm' };
const pattern = /^lockstep:(.+)\.([a-z0-9]{8}):([a-z][a-z0-9-]*):([lm])([lm]):([0-9a-f]{8})$/;

/** The operation id where it fits, else its hash; no id of a caller begins with `#`. */
export function transactionKey(operationId: string): string {
  if (operationId.length <= longestPlainKey) return operationId;
  return `#${createHash('sha256').update(operationId).digest('base64url')}`;
}

/** The operation id that a key stands for, unless only its hash is left. */
export function operationIdOf(key: string): string | null {
  return key.startsWith('#') ? null : key;
}

/** Branches are listed for the whole server: the database is part of the name. */
export function branchName(attempt: Attempt, store: StoreName, database: string): BranchName {
  const stores = `${initials[attempt.coordinator]}${initials[store]}`;
  return {
    migration: attempt.migration,
    global: `${branchPrefix}${attempt.transaction}.${attempt.attempt}`,
    local: `${attempt.migration}:${stores}:${databaseMark(database)}`,
  };
}

/** Null where the listed branch is not one of this store's in this database. */
export function attemptIn(listed: string, store: StoreName, database: string): Attempt | null {
  const [, transaction, attempt, migration, coordinator, holder, mark] = pattern.exec(listed) ?? [];
  if (!transaction || !attempt || !migration || holder !== initials[store]) return null;
  if (mark !== databaseMark(database)) return null;
  return { transaction, attempt, migration, coordinator: coordinator === 'l' ? 'legacy' : 'modern' };
}

function databaseMark(database: string): string {
  return createHash('sha256').update(database).digest('hex').slice(0, 8);
}
