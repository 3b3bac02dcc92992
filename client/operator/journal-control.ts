import type { Client } from '@temporalio/client';
import { currentState, type OpenMigration } from '../../databases/contract/current-state.ts';
import type { JournalEntry } from '../../databases/contract/journal.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { OperationStatus } from '../../model/operation.ts';
import { otherStore, routes } from '../../model/phase.ts';
import * as messages from '../../workflows/messages.ts';
import { answerOfOnly } from '../temporal/failures.ts';
import { searchAttributesOf } from '../temporal/search-attributes.ts';
import { attended } from './attended.ts';

export type { RetriedOperations } from '../../workflows/messages.ts';

/** The workflow `retryFailedOperations`, which lives on the other side of the task queue. */
type Retry = (
  input: RetryOptions & { migration: string; carried: null },
) => Promise<messages.RetriedOperations>;

/** The workflow `resolveParked`. */
type ResolveParked = (input: messages.ParkedDecision) => Promise<void>;

export interface RetryOptions {
  /** Whether parked operations are tried again too. */
  readonly parked: boolean;
  /** Those pending for at least this long; 0 takes all. */
  readonly olderThanMs: number;
  /** Only these; null takes all. */
  readonly ids: readonly string[] | null;
}

export interface JournalQuery {
  readonly statuses?: readonly OperationStatus[];
  readonly ids?: readonly string[];
  readonly newestFirst?: boolean;
  readonly limit: number;
}

/** An entry, and the store whose journal has it. */
export type LocatedEntry = JournalEntry & { readonly store: StoreName };

/** The journals of both stores: what is pending, what became of an operation, and another try of what is pending. */
export class JournalControl {
  readonly #temporal: Client;
  readonly #open: OpenMigration;

  readonly #answerWithinMs: number | null;

  /** @param answerWithinMs see `OperateOptions` */
  constructor(temporal: Client, open: OpenMigration, answerWithinMs: number | null = null) {
    this.#temporal = temporal;
    this.#open = open;
    this.#answerWithinMs = answerWithinMs;
  }

  /**
   * Entries of both journals, those of the primary first. Where the other store is unavailable, what the primary has is
   * all there is to know: what is pending is there.
   */
  async list(query: JournalQuery): Promise<LocatedEntry[]> {
    return (await this.#read(query)).found;
  }

  /** What the journals have of one operation. Throws `UnknownOperation`. */
  async find(operationId: string): Promise<LocatedEntry[]> {
    const { found, unavailable } = await this.#read({ ids: [operationId], limit: 1 });
    if (found.length > 0) return found;
    if (unavailable) throw unavailable;
    throw new LockstepError(
      'UnknownOperation',
      `neither journal of ${this.#open.migration.name} knows operation ${operationId}; check the id, ` +
        `or it was finished more than ${this.#open.migration.policy.journalRetentionMs} ms ago and pruned`,
      { operationId },
    );
  }

  async #read(query: JournalQuery): Promise<{ found: LocatedEntry[]; unavailable: LockstepError | null }> {
    const { name } = this.#open.migration;
    const state = await currentState(this.#open);
    const { primary } = routes[state.phase];
    const other = otherStore(primary);
    const located = async (store: StoreName) =>
      (await this.#open.stores[store].journal({ migration: name, ...query })).map((entry) => ({
        ...entry,
        store,
      }));
    const found = await located(primary);
    try {
      return { found: [...found, ...(await located(other))], unavailable: null };
    } catch (error) {
      if (!isLockstepError(error, 'StoreUnavailable')) throw error;
      return { found, unavailable: error };
    }
  }

  /** Tries pending operations again, and waits for the end of it. */
  async retry(options: RetryOptions): Promise<messages.RetriedOperations> {
    for (const id of options.ids ?? []) await this.find(id);
    const { name, taskQueue } = this.#open.migration;
    return await this.#attended(`a retry for ${name}`, () =>
      this.#temporal.workflow.execute<Retry>('retryFailedOperations', {
        workflowId: messages.journalRetryWorkflowId(name),
        taskQueue,
        staticSummary: `retry the pending operations of ${name}`,
        typedSearchAttributes: searchAttributesOf(name),
        args: [{ migration: name, ...options, carried: null }],
      }),
    );
  }

  /** Decides about a parked operation whose workflow is gone. */
  async resolve(parked: LocatedEntry, resolution: messages.Resolution): Promise<void> {
    const { id, store, reason } = parked;
    if (resolution === 'retry') {
      await this.retry({ parked: true, olderThanMs: 0, ids: [id] });
      return;
    }
    const { name, taskQueue } = this.#open.migration;
    await this.#attended(`a decision about operation ${id}`, () =>
      this.#temporal.workflow.execute<ResolveParked>('resolveParked', {
        workflowId: messages.resolveParkedWorkflowId(name, id),
        taskQueue,
        staticSummary: `${resolution} operation ${id}, whose workflow is gone`,
        typedSearchAttributes: searchAttributesOf(name),
        args: [{ operationId: id, store, resolution, reason }],
      }),
    );
  }

  #attended<T>(what: string, execute: () => Promise<T>): Promise<T> {
    const { migration } = this.#open;
    const attendance = { temporal: this.#temporal, migration, answerWithinMs: this.#answerWithinMs };
    return answerOfOnly(what, () => attended(attendance, `the end of ${what}`, execute));
  }
}
