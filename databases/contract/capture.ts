import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { Version } from '../../model/version.ts';
import type { Fence } from './write.ts';

/** A record of the primary that gets a new version, because its rows changed outside Lockstep. */
export interface VersionBump {
  readonly entity: string;
  readonly key: Key;
  /** The version that the rows were read with; the record stays as it is where it has changed since. */
  readonly readVersion: Version;
  readonly version: Version;
  readonly deleted: boolean;
  readonly digest: string | null;
}

export interface VersionBumps {
  /**
   * Gives records of the primary newer versions, all of the list or, where one of them has changed since, none; the
   * rows are left alone, so that a change outside Lockstep at the same moment is not undone. Throws `Fenced` under
   * another route, and while the primary is being changed; with `closed` it is for that time only.
   */
  bumpVersions(
    bumps: readonly VersionBump[],
    fence: Fence & { readonly closed?: boolean },
  ): Promise<'bumped' | 'stale-base'>;
}

/** A key that another session wrote; every such write leaves a mark of its own. */
export interface Mark {
  readonly id: string;
  readonly entity: string;
  readonly key: Key;
}

/** The account as which triggers run. */
export interface TriggerAccount {
  readonly name: string;
  /** What stops the application's writes; null where nothing that can be seen does. */
  readonly problem: string | null;
}

/** Marks of writes outside Lockstep, left by triggers in the transaction of the write itself. */
export interface Capture {
  /** The statements that make an entity's triggers, or remove them. */
  captureStatements(entity: Entity, on: boolean): Promise<readonly string[]>;
  /** Throws `StoreRefused` where the triggers could not be made, or would refuse the application's writes. */
  capture(entity: Entity, on: boolean): Promise<void>;
  /** Why triggers cannot be made by this account, or would refuse the application's writes, with the remedy; null where they can. */
  captureUnavailableReason(): Promise<string | null>;
  /** The accounts as which this migration's triggers run. */
  triggerAccounts(): Promise<readonly TriggerAccount[]>;
  /** What of this migration's tables can be emptied without firing a trigger, and what to do about it; null where nothing can. */
  captureGap(): Promise<string | null>;
  /** Whether an entity of this migration has such triggers here. */
  isCapturing(): Promise<boolean>;
  /** The oldest first. */
  captured(limit: number): Promise<Mark[]>;
  deleteCaptured(ids: readonly string[]): Promise<void>;
}
