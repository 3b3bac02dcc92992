/** What activities answer workflows with, which know no databases. */
export type { GroupDecision } from '../../databases/deciding/decide-together.ts';
export type { TentativeResult, Timing, WriteResult } from '../../databases/deciding/write-result.ts';
