import type { Client } from '@temporalio/client';
import type { WriteInput } from '../../model/operation.ts';
import type { GroupedAnswer, WriteGroupInput } from '../../model/write-group.ts';

/** In the order of the writes; null where only the workflow can tell. */
export type AheadAnswers = readonly (GroupedAnswer | null)[];

/** A worker in the process of the service. */
export interface EmbeddedWorker {
  /** On the worker's own connection, as an eager start wants it. */
  readonly temporal: Client;
  /** False once it has ended: then other workers of the migration do the work. */
  isRunning(): boolean;
  /**
   * Resolves when a workflow may be started: whoever writes faster than workflows run waits. `writeAhead` follows.
   *
   * @returns null, or how many workflows are ahead of it where there was no room within that time
   */
  open(workflowId: string, timeoutMs: number): Promise<number | null>;
  /**
   * Makes the store calls with which the workflow begins at once, while it is being started; the workflow takes their results
   * over. Never rejects.
   *
   * @returns the answers as soon as the commits that `ack` asks for are seen, at the latest after that time
   */
  writeAhead(workflowId: string, input: WriteInput, timeoutMs: number): Promise<AheadAnswers>;
  writeGroupAhead(workflowId: string, input: WriteGroupInput, timeoutMs: number): Promise<AheadAnswers>;
  /**
   * The workflow is being started; `close` waits for that.
   *
   * @param started whether this worker was given its first task; where it was not, what was made for it is not kept
   */
  begun(workflowId: string, started: Promise<boolean>): void;
  /** Lets what runs finish, then ends the worker and its connections. */
  close(): Promise<void>;
}
