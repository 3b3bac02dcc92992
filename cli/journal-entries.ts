import type { LocatedEntry } from '../client/operator/journal-control.ts';
import { LockstepError } from '../model/failure.ts';
import { table } from './output.ts';

/** Keys and before-images are row content: they are in the databases, not here. */
export type ShownEntry = Omit<LocatedEntry, 'key' | 'before'>;

export function shownEntry({ key: _key, before: _before, ...entry }: LocatedEntry): ShownEntry {
  return entry;
}

export function isOpen({ status }: ShownEntry): boolean {
  return status === 'pending' || status === 'tentative' || status === 'parked';
}

/** One line an entry. */
export function entryTable(entries: readonly ShownEntry[]): string[] {
  const rows = entries.map((entry) => [
    entry.id,
    entry.status,
    entry.store,
    entry.entity,
    entry.kind,
    timeOf(entry.createdAtMs),
    String(entry.attempts),
    entry.failure ?? '',
    entry.fault ?? entry.reason ?? '',
  ]);
  const heads = ['operation', 'status', 'store', 'entity', 'kind', 'since', 'attempts', 'failure', 'reason'];
  return table([heads, ...rows]);
}

/** All there is to know of one entry. */
export function entryLines(entry: ShownEntry): string[] {
  return table([
    ['store', entry.store],
    ['operation', entry.id],
    ['status', entry.status],
    ['write', `${entry.kind} ${entry.entity}`],
    ['version', entry.version ?? 'none'],
    ['created', timeOf(entry.createdAtMs)],
    ['updated', timeOf(entry.updatedAtMs)],
    ['attempts', String(entry.attempts)],
    ...(entry.failure ? [['failure', entry.failure]] : []),
    ...(entry.reason ? [['reason', entry.reason]] : []),
    ...(entry.fault ? [['fault', entry.fault]] : []),
  ]);
}

export function countFrom(text: string, name: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= 0 && text.trim() !== '') return count;
  throw new LockstepError('InvalidInput', `${name} must be a whole number, 0 or more; got "${text}"`);
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
