import type { Client } from '@temporalio/client';
import type { Migration } from '../../model/migration.ts';
import { owed, replicateOwedWorkflowId } from '../../workflows/messages.ts';
import { searchAttributesOf } from '../temporal/search-attributes.ts';
import { ignoreExpected } from './expected-failure.ts';

/** Touches that come within this time ask once. Shorter than a worker looks on after the last one. */
const quietMs = 3_000;
const firstPauseMs = 500;
const longestPauseMs = 30_000;
const sendLimitMs = 5_000;

/**
 * Lets a worker look for what transactions have touched, soon and for as long as they come. Nobody waits for it: what is owed
 * stands in the journal, and the journal's retry finds it too. While Temporal is away, it is asked again.
 */
export class OwedSweep {
  readonly #temporal: Client;
  readonly #migration: Migration;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | null = null;
  #wanted = false;
  #failures = 0;

  constructor(temporal: Client, migration: Migration) {
    this.#temporal = temporal;
    this.#migration = migration;
  }

  request(): void {
    this.#wanted = true;
    if (this.#timer === undefined && this.#sending === null) this.#send();
  }

  /** What was asked for last is sent, once. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#sending;
    clearTimeout(this.#timer);
    if (this.#wanted) this.#send();
    await this.#sending;
    clearTimeout(this.#timer);
  }

  #send(): void {
    this.#wanted = false;
    this.#sending = this.#ask()
      .then(
        () => {
          this.#failures = 0;
        },
        (error: unknown) => {
          ignoreExpected(error);
          this.#failures += 1;
          this.#wanted = true;
        },
      )
      .then(() => {
        this.#sending = null;
        const pause = this.#failures === 0 ? quietMs : firstPauseMs * 2 ** (this.#failures - 1);
        this.#timer = setTimeout(
          () => {
            this.#timer = undefined;
            if (this.#wanted) this.#send();
          },
          Math.min(pause, longestPauseMs),
        ).unref();
      });
  }

  async #ask(): Promise<void> {
    const { name, taskQueue } = this.#migration;
    await this.#temporal.connection.withDeadline(Date.now() + sendLimitMs, () =>
      this.#temporal.workflow.signalWithStart('replicateOwed', {
        workflowId: replicateOwedWorkflowId(name),
        taskQueue,
        signal: owed,
        staticSummary: `replicate what transactions have touched in ${name}`,
        typedSearchAttributes: searchAttributesOf(name),
        args: [{ completed: 0, failed: 0 }],
      }),
    );
  }
}
