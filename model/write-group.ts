import type { Pattern } from './entity.ts';
import type { FailureDetails } from './failure.ts';
import type { AnyFailureCode } from './failure-codes.ts';
import type { Operation, WriteInput } from './operation.ts';
import type { Version } from './version.ts';

/** One of the writes that share a workflow. */
export interface GroupedWrite {
  readonly operation: Operation;
  readonly pattern: Pattern;
}

/** What a group's workflow is started with: what its writes have in common, and the writes in the order they were asked for. */
export interface WriteGroupInput extends Omit<WriteInput, 'operation' | 'pattern' | 'validateAfterMs'> {
  readonly writes: readonly GroupedWrite[];
}

/**
 * What the caller of one write is told.
 * - `done`: it is as durable as was asked for; the version is null where only the intent is recorded.
 * - `failed`: its own failure.
 * - `apart`: it needs more than its neighbours, and has the workflow `write` under its own id, which answers.
 */
export type GroupedAnswer =
  | { readonly status: 'done'; readonly version: Version | null }
  | {
      readonly status: 'failed';
      readonly code: AnyFailureCode;
      readonly message: string;
      readonly details: FailureDetails;
    }
  | { readonly status: 'apart' };

/** How many writes of a group stand where. */
export interface GroupTally {
  /** Both stores have them, or the primary where the route has no other. */
  readonly done: number;
  /** The primary has them, and the other store not yet. */
  readonly owed: number;
  readonly refused: number;
  /** They have workflows of their own. */
  readonly apart: number;
  /** Not decided yet. */
  readonly open: number;
}

/** The write as its own workflow is started with it. */
export function aloneInput({ writes: _, ...common }: WriteGroupInput, write: GroupedWrite): WriteInput {
  return { ...common, ...write, validateAfterMs: null };
}
