import type { Client } from '@temporalio/client';
import type { Timing, WriteResult } from '../../databases/deciding/write-result.ts';
import type { WriteInput } from '../../model/operation.ts';
import type { GroupedAnswer } from '../../model/write-group.ts';

/** What the primary has made of a write, in this process. */
export interface DecidedHere {
  readonly answer: Exclude<GroupedAnswer, { readonly status: 'apart' }>;
  readonly decision: Extract<WriteResult, { readonly status: 'applied' | 'refused' | 'conflict' }>;
  readonly timing: Timing;
  /** Resolves when the journal says that the other store has it; rejects where the journal could not be told. */
  readonly completed: Promise<unknown>;
}

/** A write that this process has made, and answers. */
export interface WrittenHere extends DecidedHere {
  /** Whether the other store may not have it yet; with `ack: 'primary'` alone. */
  readonly isOwed: boolean;
  /** For its workflow; `decided` where both stores have it. */
  readonly input: WriteInput;
}

/** A worker in the process of the service. */
export interface EmbeddedWorker {
  /** On the worker's own connection, as an eager start wants it. */
  readonly temporal: Client;
  /** False once it has ended: then other workers of the migration do the work. */
  isRunning(): boolean;
  /**
   * Resolves when a workflow may be started: whoever writes faster than workflows run waits. `takeOver` follows.
   *
   * @returns null, or how many workflows are ahead of it where there was no room within that time
   */
  open(workflowId: string, timeoutMs: number): Promise<number | null>;
  /**
   * Makes the store calls of writes that differ in nothing but their operations, before they have a workflow. Never rejects.
   *
   * @returns in the order of the writes, at the latest after that time; null where only a workflow can tell
   */
  write(
    inputs: readonly [WriteInput, ...WriteInput[]],
    timeoutMs: number,
  ): Promise<readonly (WrittenHere | null)[]>;
  /**
   * The workflow of writes takes over what `write` found: the workflow `write` that of one, `writeGroup` that of several. `open` comes
   * first, its start and `begun` follow.
   */
  takeOver(workflowId: string, writes: readonly [WrittenHere, ...WrittenHere[]]): void;
  /**
   * The workflow is being started; `close` waits for that.
   *
   * @param started whether this worker was given its first task; where it was not, what was made for it is not kept
   */
  begun(workflowId: string, started: Promise<boolean>): void;
  /** Lets what runs finish, then ends the worker and its connections. */
  close(): Promise<void>;
}
