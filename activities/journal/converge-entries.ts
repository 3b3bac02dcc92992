import type { JournalEntry } from '../../databases/contract/journal.ts';
import { touchKind } from '../../databases/contract/touch.ts';
import { type Key, keyFromText, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { entityNamed } from '../../model/migration.ts';
import type { WriteRoute } from '../../model/operation.ts';
import type { ActivityContext } from '../context.ts';
import { type ConvergeResult, convergeKeys } from '../write/converge.ts';
import { createTouchedRecords } from '../write/touched-records.ts';

/** What became of entries whose keys were converged. */
export interface ConvergedEntries {
  /** In both stores now. */
  readonly converged: readonly JournalEntry[];
  /** Refused by the secondary for good. */
  readonly refused: readonly JournalEntry[];
}

type EntryResult = ConvergeResult | { readonly status: 'late'; readonly message: string };

const failures = { refused: 'StoreRefused', late: 'StoreUnavailable' } as const;

/** Replicates what pending entries owe, each key once, and notes in the journal what fails. */
export function createEntryConvergence(context: ActivityContext) {
  const { migration, stores } = context;
  const { noteTouchedKeys } = createTouchedRecords(context);

  async function convergeEntries(
    entries: readonly JournalEntry[],
    route: WriteRoute,
  ): Promise<ConvergedEntries> {
    const converged: JournalEntry[] = [];
    const refused: JournalEntry[] = [];
    for (const [name, own] of Map.groupBy(entries, (entry) => entry.entity)) {
      const entity = entityNamed(migration, name);
      await noteTouchedKeys(entity, keysOf(own.filter(({ kind }) => kind === touchKind)), route);
      // Without a secondary nothing else is owed.
      if (route.secondary === null) {
        converged.push(...own);
        continue;
      }
      const byKey = Map.groupBy(own, (entry) => keyText(entry.key));
      const results = await convergeAll(entity, [...byKey.keys()].map(keyFromText), route);
      for (const [index, entriesOfKey] of [...byKey.values()].entries()) {
        const result = results[index];
        if (!result) throw new TypeError('converge gave fewer results than keys');
        if (result.status === 'converged') converged.push(...entriesOfKey);
        else await recordFailure(entriesOfKey, result, route);
        if (result.status === 'refused') refused.push(...entriesOfKey);
      }
    }
    return { converged, refused };
  }

  /** What fails because of one key, such as a lock that somebody holds, keeps none of the others waiting. */
  async function convergeAll(
    entity: Entity,
    keys: readonly Key[],
    route: WriteRoute,
  ): Promise<EntryResult[]> {
    try {
      return await convergeKeys(context, entity, keys, route);
    } catch (error) {
      if (!isLockstepError(error, 'StoreUnavailable')) throw error;
      await Promise.all([stores.legacy.ping(), stores.modern.ping()]);
      const [only, ...rest] = keys;
      if (only && rest.length === 0) return [{ status: 'late', message: error.message }];
      const results: EntryResult[] = [];
      for (const key of keys) results.push(...(await convergeAll(entity, [key], route)));
      return results;
    }
  }

  async function recordFailure(
    entries: readonly JournalEntry[],
    result: Exclude<EntryResult, { status: 'converged' }>,
    route: WriteRoute,
  ): Promise<void> {
    if (result.status === 'fenced') {
      throw new LockstepError(
        'Fenced',
        `the route of ${migration.name} changed while its journal was retried`,
      );
    }
    const failure = result.status === 'conflict' ? result.code : failures[result.status];
    await stores[route.primary].recordAttempt(idsOf(entries), failure, result.message);
  }

  return { convergeEntries };
}

function keysOf(entries: readonly JournalEntry[]): Key[] {
  return [...new Set(entries.map(({ key }) => keyText(key)))].map(keyFromText);
}

export function idsOf(entries: readonly JournalEntry[]): string[] {
  return entries.map((entry) => entry.id);
}
