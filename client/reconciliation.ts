import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/client';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import { currentState } from '../databases/state.ts';
import type { Difference, Store, Verdict } from '../databases/store.ts';
import { LockstepError, type StoreName } from '../model/failure.ts';
import { entityNamed, type Migration } from '../model/migration.ts';
import { routes } from '../model/phase.ts';
import * as messages from '../workflows/messages.ts';
import { answeredFailure } from './failures.ts';

export type { Reconciliation } from '../workflows/messages.ts';

/** The workflow `reconcile`, which lives on the other side of the task queue. */
type Reconcile = (
  input: messages.ReconciliationRequest & { carried: null },
) => Promise<messages.Reconciliation>;

export interface ReconcileOptions {
  /** One entity only; default all. */
  readonly entity?: string;
  /** Whether the secondary is brought to what the primary has. Default false. */
  readonly repair?: boolean;
}

/** What differs between the stores: found, listed, mended, now or again and again. */
export class ReconciliationControl {
  readonly #client: Client;
  readonly #migration: Migration;
  readonly #stores: Readonly<Record<StoreName, Store>>;

  constructor(client: Client, migration: Migration, stores: Readonly<Record<StoreName, Store>>) {
    this.#client = client;
    this.#migration = migration;
    this.#stores = stores;
  }

  /** Compares everything once, and waits for the end of it. */
  async run(options: ReconcileOptions = {}): Promise<messages.Reconciliation> {
    const { name } = this.#migration;
    try {
      return await this.#client.workflow.execute<Reconcile>('reconcile', this.#start(options));
    } catch (error) {
      const answered = answeredFailure(error);
      if (answered) throw answered;
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      throw new LockstepError(
        'InvalidRequest',
        `a reconciliation of ${name} is under way already; wait for it`,
      );
    }
  }

  /** Lets Temporal do it every so often; safe to repeat, the last interval counts. */
  async schedule(everyMs: number, options: ReconcileOptions = {}): Promise<void> {
    const { workflowId, ...start } = this.#start(options);
    const schedule: ScheduleOptions = {
      scheduleId: workflowId,
      spec: { intervals: [{ every: everyMs }] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
      action: { type: 'startWorkflow', workflowType: 'reconcile', workflowId, ...start },
    };
    try {
      await this.#client.schedule.create(schedule);
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      const { state: _, ...others } = schedule;
      await this.#client.schedule
        .getHandle(workflowId)
        .update(({ state }) => ({ ...others, action: schedule.action, state }));
    }
  }

  /** False where there was no schedule. */
  async unschedule(): Promise<boolean> {
    try {
      await this.#client.schedule.getHandle(messages.reconciliationWorkflowId(this.#migration.name)).delete();
      return true;
    } catch (error) {
      if (error instanceof ScheduleNotFoundError) return false;
      throw error;
    }
  }

  /** What the last comparison wrote down, in the store that decides. Keys are row content. */
  async differences(limit: number): Promise<Difference[]> {
    return await (await this.#deciding()).differences(this.#migration.name, limit);
  }

  async countDifferences(): Promise<{ entity: string; verdict: Verdict; count: number }[]> {
    return await (await this.#deciding()).countDifferences(this.#migration.name);
  }

  async #deciding(): Promise<Store> {
    const state = await currentState({ migration: this.#migration, stores: this.#stores });
    return this.#stores[routes[state.phase].primary];
  }

  #start({ entity, repair = false }: ReconcileOptions) {
    const { name, taskQueue, entities } = this.#migration;
    const chosen = entity === undefined ? entities : [entityNamed(this.#migration, entity)];
    const request = {
      migration: name,
      entities: chosen.map((one) => one.name),
      whole: chosen.length === entities.length,
      repair,
      carried: null,
    };
    const args: [typeof request] = [request];
    return {
      workflowId: messages.reconciliationWorkflowId(name),
      taskQueue,
      staticSummary: `reconcile ${name}`,
      typedSearchAttributes: new TypedSearchAttributes([
        { key: defineSearchAttributeKey(messages.searchAttributes.migration, 'KEYWORD'), value: name },
      ]),
      args,
    };
  }
}
