import type { PostWriteValidation } from '../../activities/write/post-write-validation.ts';
import type { StoreName } from '../../model/failure.ts';
import type { GroupTally } from '../../model/write-group.ts';

/** What Temporal UI says of a write beside its events. Reasons name stores, constraints and codes, never values. */
interface About {
  readonly kind: string;
  readonly entity: string;
  /** The store that has the write. */
  readonly store: StoreName;
  readonly reason: string;
}

/** The server takes no longer ones. */
const maxSummaryLength = 200;

export function undoSummary({ kind, entity, store, reason }: About): string {
  return `undo ${kind} ${entity} in ${store}: ${reason}`.slice(0, maxSummaryLength);
}

const compensation = {
  begun: 'is being undone in',
  undone: 'was **undone** in',
  stands: 'was not undone: both stores have it by now. It was to be undone in',
  left: 'was **not undone**: a person has left it in',
};

export function compensationDetails(
  state: keyof typeof compensation,
  { kind, entity, store, reason }: About,
): string {
  return `The ${kind} of this ${entity} ${compensation[state]} ${store}.\n\nWhy: ${reason}`;
}

export function parkedDetails({ kind, entity, store, reason }: About): string {
  return `**Parked**: the ${kind} of this ${entity} is in ${store} only. Send the update \`resolve\` with "retry", "discard" or "compensate".\n\nWhy: ${reason}`;
}

export function readBackDetails({ verdict, store, reason, repaired }: PostWriteValidation): string {
  const where = store ? ` in ${store}` : '';
  return `Read back after the write: **${verdict}**${where}${repaired ? ', repaired under a newer version' : ''}.\n\nWhy: ${reason}`;
}

export function groupDetails({ done, owed, refused, apart, open }: GroupTally): string {
  const counts = Object.entries({ done, owed, refused, 'with a workflow of its own': apart, open });
  const shown = counts.filter(([, count]) => count > 0).map(([name, count]) => `**${count}** ${name}`);
  return `Writes: ${shown.join(', ')}`;
}
