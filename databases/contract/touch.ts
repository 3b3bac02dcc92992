import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { Version } from '../../model/version.ts';
import type { Fence, StoredRecord } from './write.ts';

/** The kind of a journal entry by which a transaction of the caller's owes what it does to a key. */
export const touchKind = 'touch';

/** So many keys one statement takes: what it answers must fit in what MySQL concatenates in every session. */
export const maxTouchedKeys = 1_000;

/** Keys whose rows a transaction of the caller's changes. */
export interface TouchRequest {
  /** In key order, each once; at most `maxTouchedKeys`. */
  readonly keys: readonly Key[];
  /** The proposal; all keys get one version, above what their records have. */
  readonly version: Version;
  /** Of the journal entries, which add the place of their key. */
  readonly id: string;
  /** The epoch is the least that the store must have: one of an older route was set back, or has not heard of the new one. */
  readonly fence: Fence;
  /** Whether what became just as proposed may be answered by no rows, which takes less time: where one can tell that from a lost answer. */
  readonly mayBeSilent: boolean;
}

/** A statement that the caller's transaction runs. */
export interface TouchStatement {
  /** Tells the statement among those that a connection has prepared. */
  readonly name: string;
  readonly sql: string;
  readonly parameters: readonly TouchParameter[];
}

/** Texts, and in PostgreSQL lists of them: every driver and mapper sends these alike. */
export type TouchParameter = string | null | readonly string[];

/** What the statement answers. */
export interface TouchAnswer {
  readonly version: Version;
  /** For each key of the request, in its order: whether neither a row nor a record has it. */
  readonly absent: readonly boolean[];
}

/**
 * Why the transaction may not go on.
 * - `moved`: the store is not the primary, or not of this migration at all
 * - `closed`: the primary is being changed
 * - `changing`: a change of the route, of a share too, waits for other transactions
 * - `definition`: the store is prepared for another definition
 * - `outside`: there is no transaction
 * - `missing`: the store is not prepared
 */
export type TouchRefusal = 'moved' | 'closed' | 'changing' | 'definition' | 'outside' | 'missing';

/** Writes that a caller makes by SQL of his own, and what is noted of them in his transaction. */
export interface Touches {
  /** Without a promise where the tables of the entity are known. */
  touchStatement(entity: Entity, request: TouchRequest): TouchStatement | Promise<TouchStatement>;
  /** A statement that fails outside a transaction, for callers that cannot say; null where the other one sees to it. */
  readonly transactionProbe: string | null;
  /** Why the statement was refused, however drivers have wrapped it; null where the failure is the database's own. */
  touchRefusalOf(error: unknown): TouchRefusal | null;
  /**
   * Notes in touched records what their rows have turned out to be, where they still have the version that was read. A touch comes
   * before the rows are final, so a touched record has no digest until it is read.
   */
  noteTouched(entity: Entity, stored: readonly StoredRecord[]): Promise<void>;
  /** Removes entries that both stores have: nobody knows their ids, or asks for their outcome. */
  deleteTouches(ids: readonly string[]): Promise<void>;
}

/** What the routine of either engine gives: one text, so that it survives every driver and mapper, or no rows. */
export function touchAnswerIn(
  result: unknown,
  { keys, version: proposed, mayBeSilent }: Pick<TouchRequest, 'keys' | 'version' | 'mayBeSilent'>,
): TouchAnswer | null {
  if (mayBeSilent && hasNoRows(result)) return { version: proposed, absent: keys.map(() => false) };
  const [, version, absent] = textIn(result, 5) ?? [];
  if (version === undefined || absent === undefined) return null;
  return { version, absent: [...absent].map((flag) => flag === '1') };
}

/** As the drivers of MySQL/MariaDB say it, beside the statement's fields or not. */
function hasNoRows(result: unknown): boolean {
  const header: unknown = Array.isArray(result) ? result[0] : result;
  return typeof header === 'object' && header !== null && 'affectedRows' in header;
}

/** Drivers give rows, lists of rows, lists of result sets, or objects that hold them. */
function textIn(result: unknown, depth: number): RegExpExecArray | null {
  if (typeof result === 'string') return /^lockstep:(\d+):([01]*)$/.exec(result);
  if (depth === 0 || typeof result !== 'object' || result === null) return null;
  for (const part of Object.values(result)) {
    const found = textIn(part, depth - 1);
    if (found) return found;
  }
  return null;
}
