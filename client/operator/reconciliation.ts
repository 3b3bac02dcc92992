import type { Client } from '@temporalio/client';
import type { Difference, Verdict } from '../../databases/contract/comparison.ts';
import { currentState, type OpenMigration } from '../../databases/contract/current-state.ts';
import type { Store } from '../../databases/contract/store.ts';
import { entityNamed } from '../../model/migration.ts';
import { routes } from '../../model/phase.ts';
import * as messages from '../../workflows/messages.ts';
import { answerOfOnly } from '../temporal/failures.ts';
import { searchAttributesOf } from '../temporal/search-attributes.ts';
import { removeSchedule, setSchedule } from './schedules.ts';

export type { Reconciliation } from '../../workflows/messages.ts';

/** The workflow `reconcile`, which lives on the other side of the task queue. */
type Reconcile = (
  input: messages.ReconciliationRequest & { carried: null },
) => Promise<messages.Reconciliation>;

export interface ReconcileOptions {
  /** One entity only; default all. */
  readonly entity?: string;
  /** Whether the secondary is made equal to the primary. Default false. */
  readonly repair?: boolean;
}

/** What differs between the stores: found, listed, mended, now or again and again. */
export class ReconciliationControl {
  readonly #temporal: Client;
  readonly #open: OpenMigration;

  constructor(temporal: Client, open: OpenMigration) {
    this.#temporal = temporal;
    this.#open = open;
  }

  /** Compares everything once, and waits for the end of it. */
  async run(options: ReconcileOptions = {}): Promise<messages.Reconciliation> {
    const { name, taskQueue } = this.#open.migration;
    return await answerOfOnly(`a reconciliation of ${name}`, () =>
      this.#temporal.workflow.execute<Reconcile>('reconcile', {
        workflowId: this.#id,
        taskQueue,
        typedSearchAttributes: searchAttributesOf(name),
        ...this.#asked(options),
      }),
    );
  }

  /** Lets Temporal do it every so often; safe to repeat, the last interval counts. */
  async schedule(everyMs: number, options: ReconcileOptions = {}): Promise<void> {
    const recurring = { id: this.#id, everyMs, workflowType: 'reconcile', ...this.#asked(options) };
    await setSchedule(this.#temporal, this.#open.migration, recurring);
  }

  /** False where there was no schedule. */
  async unschedule(): Promise<boolean> {
    return await removeSchedule(this.#temporal, this.#id);
  }

  /** What the last comparison wrote down, in the primary. Keys are row content. */
  async differences(limit: number): Promise<Difference[]> {
    return await (await this.#primary()).differences(this.#open.migration.name, limit);
  }

  async countDifferences(): Promise<{ entity: string; verdict: Verdict; count: number }[]> {
    return await (await this.#primary()).countDifferences(this.#open.migration.name);
  }

  async #primary(): Promise<Store> {
    const { phase } = await currentState(this.#open);
    return this.#open.stores[routes[phase].primary];
  }

  get #id(): string {
    return messages.reconciliationWorkflowId(this.#open.migration.name);
  }

  #asked({ entity, repair = false }: ReconcileOptions) {
    const { name, entities } = this.#open.migration;
    const chosen = entity === undefined ? entities : [entityNamed(this.#open.migration, entity)];
    const request = {
      migration: name,
      entities: chosen.map((one) => one.name),
      whole: chosen.length === entities.length,
      repair,
      carried: null,
    };
    const args: [typeof request] = [request];
    return { staticSummary: `reconcile ${name}`, args };
  }
}
