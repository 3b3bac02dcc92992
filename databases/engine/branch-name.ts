import { createHash } from 'node:crypto';
import type { StoreName } from '../../model/failure.ts';
import type { Attempt } from '../contract/transactions.ts';

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
const initials: Readonly<Record<StoreName, string>> = { legacy: 'l', modern: 'm' };
const pattern = /^lockstep:(.+)\.([a-z0-9]{8}):([a-z][a-z0-9-]*):([lm])([lm]):([0-9a-f]{8})$/;

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
