import type { Guard } from '../guard.ts';

/** The definition: who may write by it, and who owns a table. */
export const definitionGuards: readonly Guard[] = [];
