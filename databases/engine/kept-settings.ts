import { LockstepError, type StoreName } from '../../model/failure.ts';
import type { TextCells } from './session.ts';

const remedy =
  'connect without the pooler or proxy between, or let it keep one session of the server for each of its clients, as it is set';

/** What was set when the session began must be so: where a value is lost, everything that leans on it is wrong in silence. */
export function assertKept(
  { store, address }: { readonly store: StoreName; readonly address: string },
  wanted: Readonly<Record<string, string>>,
  found: TextCells,
): void {
  for (const [name, value] of Object.entries(wanted)) {
    const has = found[name] ?? 'not set';
    if (has === value) continue;
    throw new LockstepError(
      'StoreUnavailable',
      `the ${store} store (${address}) does not keep what a session sets: ${name} was set to ${value}, and is ${has}; ${remedy}`,
      { store, reason: `${name} is ${has}, not ${value}`, remedy },
    );
  }
}
