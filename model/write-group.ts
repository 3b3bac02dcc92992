import type { FailureDetails } from './failure.ts';
import type { AnyFailureCode } from './failure-codes.ts';
import type { Operation, WriteInput } from './operation.ts';
import type { Version } from './version.ts';

/** One of the writes that share a workflow. */
export type GroupedWrite = Pick<WriteInput, 'operation' | 'pattern' | 'decided'>;

/** What the writes of a group have in common. */
export type GroupCommon = Omit<WriteInput, 'operation' | 'pattern' | 'decided' | 'validateAfterMs'>;

/** What a group's workflow is started with, the writes in the order they were asked for. */
export interface WriteGroupInput extends GroupCommon {
  readonly writes: readonly Pick<WriteInput, 'operation' | 'pattern'>[];
  /** Further writes, which the route's primary has decided already. Only their journal has more than this. */
  readonly decided?: readonly DecidedWrites[];
}

/** Of one entity. */
export interface DecidedWrites extends Pick<WriteInput, 'pattern'>, Pick<Operation, 'entity' | 'definition'> {
  readonly writes: readonly DecidedWrite[];
}

export interface DecidedWrite extends Pick<Operation, 'id' | 'kind' | 'key'> {
  /** Under which it is pending in the primary's journal. */
  readonly version: Version;
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

/** All writes of a group. Those that are decided have no image. */
export function writesOf({ writes, decided = [] }: WriteGroupInput): readonly GroupedWrite[] {
  const further = decided.flatMap(({ pattern, entity, definition, writes: own }) =>
    own.map(({ id, kind, key, version }): GroupedWrite => {
      const operation = { id, entity, kind, key, image: null, proposed: version, definition };
      return { operation: { ...operation, expectedVersion: null }, pattern, decided: version };
    }),
  );
  return [...writes, ...further];
}

/** The write as its own workflow is started with it. */
export function aloneInput(
  { writes: _, decided: __, ...common }: WriteGroupInput,
  write: GroupedWrite,
): WriteInput {
  return { ...common, ...write, validateAfterMs: null };
}
