import type { WriteResult } from '../../databases/deciding/write-result.ts';

/** What activities answer workflows with, which know no databases. */
export type { GroupDecision } from '../../databases/deciding/decide-together.ts';
export type { TentativeResult, Timing, WriteResult } from '../../databases/deciding/write-result.ts';

/**
 * What the primary has decided of one write. `atOnce` is what came of the first attempt at the other store; null where it came to nothing. It is
 * absent where none was made, as in histories of workers that made it by an activity of its own.
 */
export type PrimaryResult =
  | Exclude<WriteResult, { readonly status: 'applied' }>
  | (Extract<WriteResult, { readonly status: 'applied' }> & { readonly atOnce?: WriteResult | null });
