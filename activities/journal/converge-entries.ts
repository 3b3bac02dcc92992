import { isSound, type JournalEntry } from '../../databases/contract/journal.ts';
import { touchKind } from '../../databases/contract/touch.ts';
import { type Key, keyFromText, keyText } from '../../model/canonical.ts';
import { LockstepError } from '../../model/failure.ts';
import { entityNamed } from '../../model/migration.ts';
import type { WriteRoute } from '../../model/operation.ts';
import type { ActivityContext } from '../context.ts';
import { inFittingParts } from '../fitting-parts.ts';
import { type ConvergeResult, convergeApart, type LateKey } from '../write/converge.ts';
import { createTouchedRecords } from '../write/touched-records.ts';
import { idsOf } from './complete-entries.ts';

/** What became of entries whose keys were converged. */
export interface ConvergedEntries {
  /** In both stores now. */
  readonly converged: readonly JournalEntry[];
  /** Refused by the secondary for good. */
  readonly refused: readonly JournalEntry[];
}

/** Replicates what pending entries owe, each key once, and notes in the journal what fails, and which rows are none of ours. */
export function createEntryConvergence(context: ActivityContext) {
  const { migration, stores } = context;
  const { noteTouchedKeys } = createTouchedRecords(context);

  async function convergeEntries(
    entries: readonly JournalEntry[],
    route: WriteRoute,
  ): Promise<ConvergedEntries> {
    const converged: JournalEntry[] = [];
    const refused: JournalEntry[] = [];
    for (const { id, fault } of entries)
      if (fault !== null) await stores[route.primary].recordAttempt([id], 'InvalidControlRow', fault);
    for (const [name, own] of Map.groupBy(entries.filter(isSound), (entry) => entry.entity)) {
      const entity = entityNamed(migration, name);
      await noteTouchedKeys(entity, keysOf(own.filter(({ kind }) => kind === touchKind)), route);
      // Without a secondary nothing else is owed.
      if (route.secondary === null) {
        converged.push(...own);
        continue;
      }
      const byKey = [...Map.groupBy(own, ({ key }) => keyText(key)).values()];
      const keys = byKey.flatMap(([first]) => (first ? [first.key] : []));
      // One after the other: what is owed takes no connections from callers.
      const results = await inFittingParts([stores[route.primary]], entity, keys, (part) =>
        convergeApart(context, entity, part, route, { atOnce: 1 }),
      );
      for (const [index, entriesOfKey] of byKey.entries()) {
        const result = results[index];
        if (!result) throw new TypeError('converge gave fewer results than keys');
        if (result.status === 'converged') converged.push(...entriesOfKey);
        else await recordFailure(entriesOfKey, result, route);
        if (result.status === 'refused') refused.push(...entriesOfKey);
      }
    }
    return { converged, refused };
  }

  async function recordFailure(
    entries: readonly JournalEntry[],
    result: Exclude<ConvergeResult | LateKey, { status: 'converged' }>,
    route: WriteRoute,
  ): Promise<void> {
    if (result.status === 'fenced') {
      throw new LockstepError(
        'Fenced',
        `the route of ${migration.name} changed while its journal was retried`,
      );
    }
    const failure = result.status === 'refused' ? 'StoreRefused' : result.code;
    await stores[route.primary].recordAttempt(idsOf(entries), failure, result.message);
  }

  return { convergeEntries };
}

function keysOf(entries: readonly JournalEntry[]): Key[] {
  return [...new Set(entries.map(({ key }) => keyText(key)))].map(keyFromText);
}
