import { type Image, type Key, recordIdentity } from './canonical.ts';
import type { Ack, Pattern } from './entity.ts';
import type { StoreName } from './failure.ts';
import { type DurableState, flagsApplyIn, routes } from './phase.ts';
import type { WritePolicy } from './policy.ts';
import type { Version } from './version.ts';

export const operationKinds = ['create', 'replace', 'update', 'delete'] as const;
export type OperationKind = (typeof operationKinds)[number];

/** What an operation id of a caller's looks like. */
export const operationIdPattern = /^[\w.:@-]{1,160}$/;

/** One write asked for by a service. `image` is whole for create and replace, partial for update, null for delete. */
export interface Operation {
  readonly id: string;
  readonly entity: string;
  readonly kind: OperationKind;
  readonly key: Key;
  readonly image: Image | null;
  /** The clock's proposal; the primary raises it above what the record has. */
  readonly proposed: Version;
  /** By which definition of the entity a service made it; see `definitionDigest`. */
  readonly definition: string;
  /** Refuse unless the record has this version. */
  readonly expectedVersion: Version | null;
}

/** Which write its sender means: under the id of another one it is no repeat. */
export type AskedWrite = Pick<Operation, 'entity' | 'kind' | 'key'>;

type NamedWrite = Omit<AskedWrite, 'kind'> & { readonly kind: string };

export function isSameWrite(left: NamedWrite, right: NamedWrite): boolean {
  return (
    left.kind === right.kind &&
    recordIdentity(left.entity, left.key) === recordIdentity(right.entity, right.key)
  );
}

/** Where an operation stands in the journal of a store. `tentative`: the store has its rows, and the primary has not decided yet. */
export const operationStatuses = [
  'pending',
  'tentative',
  'completed',
  'parked',
  'failed',
  'aborted',
  'compensated',
  'discarded',
] as const;
export type OperationStatus = (typeof operationStatuses)[number];

/** The stores an operation goes to, under which epoch. */
export interface WriteRoute {
  readonly epoch: number;
  readonly primary: StoreName;
  readonly secondary: StoreName | null;
}

/** @param dualWrite what the flag said of the key; false leaves the secondary out in phases where flags decide */
export function routeOf(state: DurableState, dualWrite = true): WriteRoute {
  const { primary, secondary } = routes[state.phase];
  const leavesOut = !dualWrite && flagsApplyIn(state.phase);
  return { epoch: state.epoch, primary, secondary: leavesOut ? null : secondary };
}

/** What a write workflow is started with. */
export interface WriteInput {
  readonly migration: string;
  readonly operation: Operation;
  readonly pattern: Pattern;
  readonly ack: Ack;
  readonly route: WriteRoute;
  /** For `flag-controlled`: what the flag said of this key when the client looked. It holds for every route that the write takes. */
  readonly dualWrite: boolean;
  /** The version that the route's primary has given it already, with `pending` in its journal; the operation then has no image. */
  readonly decided?: Version;
  /** Both stores are read back this long after the write; null does not look again. */
  readonly validateAfterMs: number | null;
  readonly policy: WritePolicy;
}

/** What the caller of a write is told. */
export interface WriteReceipt {
  readonly operationId: string;
  /** Null where only the intent is recorded (`ack: 'recorded'`). */
  readonly version: Version | null;
  /** The epoch under which the primary committed. */
  readonly epoch: number;
}

/** What a caller is told of a write that the secondary of `parallel` refused, the first time and whenever it is sent again. */
export function undoneMessage(reason: string): string {
  return `${reason}; what the other store had taken was undone`;
}

/** What a caller is told whose operation id another write has. */
export function operationIdTakenMessage(entity: string, id: string): string {
  return `${entity}: operation id ${id} was used by another write; send this one under an id of its own`;
}
