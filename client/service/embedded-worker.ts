import type { Client } from '@temporalio/client';
import type { WriteInput } from '../../model/operation.ts';
import type { GroupedAnswer, WriteGroupInput } from '../../model/write-group.ts';

/** A worker in the process of the service. */
export interface EmbeddedWorker {
  /** On the worker's own connection, as an eager start wants it. */
  readonly temporal: Client;
  /** False once it has ended: then other workers of the migration do the work. */
  isRunning(): boolean;
  /** Resolves when a workflow may be started: whoever writes faster than workflows run waits. `writeAhead` follows. */
  open(workflowId: string): Promise<void>;
  /**
   * Makes the store calls with which the workflow begins at once, while it is being started; the workflow takes their results
   * over. Never rejects.
   *
   * @returns the answer to each write, in their order, as soon as the commits that its `ack` asks for are seen; null where only
   *   the workflow can tell
   */
  writeAhead(workflowId: string, input: WriteInput): Promise<readonly (GroupedAnswer | null)[]>;
  writeGroupAhead(workflowId: string, input: WriteGroupInput): Promise<readonly (GroupedAnswer | null)[]>;
  /** The workflow was not given to this worker with its start: what was made for it is not kept. */
  leave(workflowId: string): void;
  /** Lets what runs finish, then ends the worker and its connections. */
  close(): Promise<void>;
}
