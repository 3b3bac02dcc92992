import type { Ack } from './entity.ts';
import type { FailureDetails } from './failure.ts';
import type { AnyFailureCode } from './failure-codes.ts';
import type { OperationKind } from './operation.ts';
import type { Token } from './token.ts';
import type { Version } from './version.ts';

/** They share calls, and a call holds the locks of all of them. */
export const maxSaveMany = 500;

/**
 * A write as a program in any language asks for it, in plain JSON: dates, times, decimals and UUIDs are text, a bigint is a number or a
 * text of digits, bytes are base64. The worker makes the rest: canonical form, key, version, route and policy.
 */
export interface SaveItem {
  readonly entity: string;
  readonly kind: OperationKind;
  /** The whole record, for `create` and `replace`. */
  readonly value?: unknown;
  /** For `update` and `delete`: the value of a key of one field, an object of a composite one. */
  readonly key?: unknown;
  /** The fields to change, for `update`. */
  readonly patch?: unknown;
  /** The caller's own id for the write; sending it again is safe and answers what the first did. */
  readonly operationId: string;
  /** Refuse with `VersionConflict` unless the record still has the version of this token. */
  readonly ifUnchangedSince?: string;
}

/** What the workflow `save` is started with. */
export interface SaveRequest extends SaveItem {
  /** By which version of this form it is to be read. @default 1 */
  readonly inputVersion?: number;
  /** When the update `acknowledged` answers. @default the entity's */
  readonly ack?: Ack;
  /** For `flag-controlled`: what the service's own flag says of this key. @default true */
  readonly dualWrite?: boolean;
}

/** What the workflow `saveMany` is started with: writes of the patterns primary-secondary and flag-controlled. */
export interface SaveManyRequest {
  /** As in a `SaveRequest`. @default 1 */
  readonly inputVersion?: number;
  /** In the order in which writes of one record are to take effect. */
  readonly items: readonly SaveItem[];
  /** @default 'primary' */
  readonly ack?: Ack;
  /** @default true */
  readonly dualWrite?: boolean;
}

/** A write that is as durable as was asked for. */
export interface Saved {
  readonly operationId: string;
  /** Null where only the intent is recorded (`ack: 'recorded'`). */
  readonly version: Version | null;
  /** For reads that must see the write, and for `ifUnchangedSince`. Null as `version` is. */
  readonly token: Token | null;
}

/** What whoever starts `save` is told. */
export interface SaveReceipt extends Saved {
  /** The epoch under which the primary committed. */
  readonly epoch: number;
}

/**
 * What became of one of many writes. `apart`: it needs more than its neighbours, and has a workflow of its own under that id, whose
 * update `acknowledged` answers.
 */
export type SaveAnswer =
  | ({ readonly status: 'done' } & Saved)
  | {
      readonly status: 'failed';
      readonly operationId: string;
      readonly code: AnyFailureCode;
      readonly message: string;
      readonly details: FailureDetails;
    }
  | { readonly status: 'apart'; readonly operationId: string; readonly workflowId: string };
