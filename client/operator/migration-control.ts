import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { currentState, type OpenMigration, readStates } from '../../databases/contract/current-state.ts';
import type { ReportedReads } from '../../databases/contract/read-reports.ts';
import { reportedReads } from '../../databases/contract/reported-reads.ts';
import { evidenceFault } from '../../model/evidence.ts';
import { LockstepError } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { neededStores } from '../../model/phase.ts';
import * as messages from '../../workflows/messages.ts';
import { answerOf, isUnanswered, reasonOf } from '../temporal/failures.ts';
import { searchAttributesOf } from '../temporal/search-attributes.ts';
import { waitingFor } from '../waits.ts';
import { attended, noWorker } from './attended.ts';
import { JournalControl } from './journal-control.ts';
import { type LegacyUse, legacyUse } from './legacy-use.ts';
import {
  configuredDefinition,
  type DefinitionDifference,
  definitionDifferences,
  differenceLines,
} from './running-definition.ts';
import { type Backlog, type StoreFaults, StoresAlone } from './stores-alone.ts';
import { keepUp } from './upkeep.ts';

export type { ReportedReads } from '../../databases/contract/read-reports.ts';
export type { Condition, MigrationStatus, Preview, Resolution, Step } from '../../workflows/messages.ts';

/** So long it takes to notice a worker that was lost while it led a change of primary. */
const workflowTaskTimeout = '5s';

/** So long a worker may take for the first task of a migration that was just started. */
const firstAnswerMs = 30_000;

/** The workflow `migration`, which lives on the other side of the task queue. */
type MigrationWorkflow = (input: messages.MigrationInput) => Promise<void>;

const commands = {
  advance: messages.advance,
  rollback: messages.rollback,
  decommission: messages.decommission,
  cancel: messages.cancelStep,
  pause: messages.pause,
  resume: messages.resume,
  rampReads: messages.rampReads,
} as const;

export type Command = keyof typeof commands;

/** What is known to be wrong with a migration. */
export interface KnownFaults extends StoreFaults {
  /** Why the evidence would not open a gate now; null where it does. */
  readonly evidence: string | null;
}

/** What steers writes must not wait behind the backlog of them that a worker which died leaves; servers without priorities pass it by. */
const aheadOfWrites = { priorityKey: 1 };

/** What an operator does with a migration: start, look, and send its messages. */
export class MigrationControl {
  readonly #temporal: Client;
  readonly #open: OpenMigration;
  readonly #answerWithinMs: number | null;
  /** What the stores say without a worker. */
  readonly stores: StoresAlone;

  /** @param answerWithinMs see `OperateOptions` */
  constructor(temporal: Client, open: OpenMigration, answerWithinMs: number | null = null) {
    this.#temporal = temporal;
    this.#open = open;
    this.#answerWithinMs = answerWithinMs;
    this.stores = new StoresAlone(open);
  }

  /**
   * Starts the migration's workflow in the phase that the stores know, or `legacy-only`, and its schedules. Throws
   * `GateRefused` where the migration is over, `AlreadyRunning` where it runs.
   */
  async start(): Promise<messages.MigrationStatus> {
    await this.#assertNotOver();
    return await this.#start(null);
  }

  async #start(undo: messages.Asked | null): Promise<messages.MigrationStatus> {
    const { name, taskQueue } = this.#open.migration;
    await keepUp(this.#temporal, this.#open);
    try {
      await this.#temporal.workflow.start<MigrationWorkflow>('migration', {
        workflowId: messages.migrationWorkflowId(name),
        taskQueue,
        workflowTaskTimeout,
        priority: aheadOfWrites,
        staticSummary: `migration ${name}`,
        typedSearchAttributes: searchAttributesOf(name),
        args: [
          {
            migration: name,
            ...configuredDefinition(this.#open.migration),
            state: null,
            ...(undo ? { undo } : {}),
          },
        ],
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      const status = await this.#whenAnswered();
      const differences = definitionDifferences(status, this.#open.migration);
      const differs = (await this.#isUnknown(status))
        ? `neither store knows of it, so they are not those with which it was started. Set the URLs to those; to begin anew, end it before: temporal workflow terminate --workflow-id ${this.#handle().workflowId}`
        : differences.length === 0
          ? 'see lockstep status'
          : `it runs by another configuration (${differenceLines(differences).join('; ')}); lockstep apply makes yours take effect`;
      throw new LockstepError('AlreadyRunning', `migration ${name} has been started already; ${differs}`, {
        measured: { differences: differences.length },
      });
    }
    return await waitingFor(`a worker to begin migration ${name}`, () => this.#whenStarted());
  }

  /** Whether it goes on beside stores that were made anew. */
  async #isUnknown({ busy }: messages.MigrationStatus): Promise<boolean> {
    if (busy === 'start') return false;
    const states = Object.values(await readStates(this.#open));
    return states.every((read) => read.status === 'fulfilled' && read.value === null);
  }

  /** A second end would meet tables that have taken the old names since. */
  async #assertNotOver(): Promise<void> {
    const { migration, stores } = this.#open;
    const known = Object.values(await readStates(this.#open));
    if (!known.some((read) => read.status === 'fulfilled' && read.value?.phase === 'decommissioned')) return;
    const left = await stores.legacy.retiredTables().catch(() => []);
    const tables =
      left.length === 0 ? '' : `; ${left.join(', ')} ${left.length === 1 ? 'is' : 'are'} left to be dropped`;
    throw new LockstepError(
      'GateRefused',
      `migration ${migration.name} is over, and stays so${tables}. What is to be moved now is a migration of another name`,
      { gate: 'end', measured: { phase: 'decommissioned', retired: left.length } },
    );
  }

  /** Waits until the workflow has written the route to both stores. */
  async #whenStarted(): Promise<messages.MigrationStatus> {
    for (;;) {
      const status = await this.#whenAnswered();
      if (status.busy !== 'start') return status;
      await pause();
    }
  }

  /** The first task of a migration may take a worker long, and one may be about to start. */
  async #whenAnswered(): Promise<messages.MigrationStatus> {
    const end = performance.now() + firstAnswerMs;
    for (;;) {
      try {
        return await this.status();
      } catch (error) {
        if (!isLockstepError(error, 'NoWorker') || performance.now() > end) throw error;
      }
      await pause();
    }
  }

  /**
   * Throws what a start failed with, until the migration is started again, `NotRunning` where its workflow is gone, and `NoWorker`
   * where no worker answers for it.
   */
  async status(): Promise<messages.MigrationStatus> {
    const status = await this.#query();
    await this.#assertRunning(status);
    const known = status.backfill;
    if (!known?.running) return status;
    const now = await this.#temporal.workflow
      .getHandle(messages.backfillWorkflowId(this.#open.migration.name))
      .query(messages.backfillProgress)
      .catch(() => known);
    // It is over when the migration has heard so: until then its gate refuses.
    const { running, done, finishedAt, stopped } = known;
    return { ...status, backfill: { ...now, running, done, finishedAt, stopped } };
  }

  /** A workflow that was terminated, or failed, still answers questions about what it was; one whose start failed says why. */
  async #assertRunning({ phase, busy }: messages.MigrationStatus): Promise<void> {
    const { name } = this.#open.migration;
    const { status, closeTime } = await this.#known(() => this.#handle().describe());
    if (status.name === 'RUNNING') return;
    if (busy === 'start') {
      await this.#known(() => this.#handle().result());
      throw new LockstepError('Unexpected', `migration ${name} ended at once; see Temporal UI`);
    }
    if (status.name === 'COMPLETED' || status.name === 'CONTINUED_AS_NEW') return;
    throw new LockstepError(
      'NotRunning',
      `the workflow of migration ${name} is over in phase ${phase} (${status.name}, ${closeTime?.toISOString()}): ` +
        'nobody leads the migration; start it with lockstep start, which takes it up from the stores',
    );
  }

  /** What is owed, as the stores say. */
  backlog(): Promise<Backlog> {
    return this.stores.backlog();
  }

  /** What still reads or writes legacy, watched for so long. */
  legacyUse(options: { readonly watchMs: number }): Promise<LegacyUse> {
    return legacyUse(this.#open, options);
  }

  /** Legacy tables that are renamed and not dropped. */
  retiredTables(): Promise<readonly string[]> {
    return this.#open.stores.legacy.retiredTables();
  }

  /** What is known to be wrong; a store that is unavailable has no say. */
  async faults(status: messages.MigrationStatus): Promise<KnownFaults> {
    return {
      evidence: evidenceFault(status, this.#open.migration.policy, Date.now())?.why ?? null,
      ...(await this.stores.faults()),
    };
  }

  /** What services have counted of their reads since the share of reads became what it is. */
  async measuredReads({ readsSince }: messages.MigrationStatus): Promise<ReportedReads> {
    return await reportedReads(this.#open, { since: readsSince, withinMs: null });
  }

  /**
   * Sends a command, with who asks for it and why. A step (`advance`, `rollback`, `decommission`) may be forced past conditions
   * of caution, and may be given a time; the answer comes when it is taken, or planned.
   */
  send(command: Command, request: messages.StepRequest = {}): Promise<messages.MigrationStatus> {
    const { name } = commands[command];
    return this.#commanded(name, () =>
      this.#handle().executeUpdate<messages.MigrationStatus, [messages.StepRequest]>(name, {
        args: [request],
      }),
    );
  }

  /** Begins a backfill again: from its checkpoints where one has stopped, and `anew` for entities that are to begin at their first key. */
  startBackfill(request: messages.BackfillRequest = {}): Promise<messages.MigrationStatus> {
    return this.#commanded('startBackfill', () =>
      this.#handle().executeUpdate<messages.MigrationStatus, [messages.BackfillRequest]>(
        messages.startBackfill.name,
        { args: [request] },
      ),
    );
  }

  /** Measures the conditions of a step and tells what it would do. Nothing is changed. */
  preview(request: messages.PreviewRequest): Promise<messages.Preview> {
    return this.#commanded('preview', () =>
      this.#handle().executeUpdate(messages.preview, { args: [request] }),
    );
  }

  /**
   * Gives the retired legacy tables their names back, in the phase `modern-only`. A migration whose workflow has ended is started
   * again for it. Throws `GateRefused` where a table is dropped, or its name was taken since.
   */
  async undoDecommission(asked: messages.Asked): Promise<messages.MigrationStatus> {
    const { status } = await this.#known(() => this.#handle().describe());
    if (status.name === 'RUNNING') {
      return await this.#commanded(messages.undoDecommission.name, () =>
        this.#handle().executeUpdate<messages.MigrationStatus, [messages.Asked]>(
          messages.undoDecommission.name,
          {
            args: [asked],
          },
        ),
      );
    }
    const state = await currentState(this.#open);
    if (state.phase !== 'decommissioned') {
      throw new LockstepError(
        'GateRefused',
        `only what is decommissioned can be undone; the phase is ${state.phase}`,
        { gate: 'undo', measured: { phase: state.phase } },
      );
    }
    return await this.#start(asked);
  }

  /** Where the configuration differs from what runs. */
  differences(status: messages.MigrationStatus): DefinitionDifference[] {
    return definitionDifferences(status, this.#open.migration);
  }

  /**
   * Makes the configuration what the migration runs by: policy, deadline, and entities with their definitions. Other definitions
   * void the evidence. Throws `GateRefused` where entities come or go in a phase in which they would miss the backfill.
   */
  async apply(): Promise<messages.MigrationStatus> {
    const { migration, stores } = this.#open;
    const definition = configuredDefinition(migration);
    const status = await this.#commanded('apply', () =>
      this.#handle().executeUpdate(messages.apply, { args: [definition] }),
    );
    for (const name of neededStores(status.phase)) await stores[name].recordDefinition();
    return status;
  }

  setReadPercent(percent: number): Promise<messages.MigrationStatus> {
    return this.#commanded('setReadPercent', () =>
      this.#handle().executeUpdate(messages.setReadPercent, { args: [percent] }),
    );
  }

  setWritePercent(percent: number): Promise<messages.MigrationStatus> {
    return this.#commanded('setWritePercent', () =>
      this.#handle().executeUpdate(messages.setWritePercent, { args: [percent] }),
    );
  }

  async setRate(keysPerSecond: number | null): Promise<messages.MigrationStatus> {
    // JSON would carry infinity as null, which stands for no limit.
    if (keysPerSecond !== null && !Number.isFinite(keysPerSecond)) {
      throw new LockstepError('InvalidInput', `a rate is a finite number or null; got ${keysPerSecond}`);
    }
    return await this.#commanded('setRate', () =>
      this.#handle().executeUpdate(messages.setRate, { args: [keysPerSecond] }),
    );
  }

  setDeadline(deadline: string): Promise<messages.MigrationStatus> {
    return this.#commanded('setDeadline', () =>
      this.#handle().executeUpdate(messages.setDeadline, { args: [deadline] }),
    );
  }

  startValidation(request: messages.ValidationRequest): Promise<messages.MigrationStatus> {
    return this.#commanded('startValidation', () =>
      this.#handle().executeUpdate(messages.startValidation, { args: [request] }),
    );
  }

  async writeStatus(operationId: string): Promise<messages.WriteStatus> {
    return await this.#ofWrite(operationId, () => this.#writeHandle(operationId).query(messages.writeStatus));
  }

  /**
   * Decides about a parked write. Where its workflow is gone, it is decided from the journal alone, and this waits for the end of it.
   *
   * @throws LockstepError `NotRunning` where nothing is parked under this id; `CompensationFailed` where it cannot be undone
   */
  async resolve(operationId: string, resolution: messages.Resolution): Promise<void> {
    try {
      await this.#ofWrite(operationId, () =>
        this.#writeHandle(operationId).executeUpdate(messages.resolve, { args: [resolution] }),
      );
    } catch (error) {
      if (!isLockstepError(error, 'NotRunning')) throw error;
      const journal = this.#journal();
      const parked = (await journal.find(operationId)).find(({ status }) => status === 'parked');
      if (!parked) throw error;
      await journal.resolve(parked, resolution);
    }
  }

  /** Where Temporal does not know the write, the journal may: then its workflow is gone. */
  #ofWrite<T>(operationId: string, ask: () => Promise<T>): Promise<T> {
    return answerOf(ask, async (error) => {
      if (!(error instanceof WorkflowNotFoundError)) return null;
      const [entry] = await this.#journal().find(operationId);
      return new LockstepError(
        'NotRunning',
        `Temporal knows no running write of operation ${operationId}, the journal says "${entry?.status}"; ` +
          `where it is pending, use lockstep journal retry --parked --operation ${operationId}`,
        { operationId },
      );
    });
  }

  #journal(): JournalControl {
    return new JournalControl(this.#temporal, this.#open, this.#answerWithinMs);
  }

  #handle() {
    return this.#temporal.workflow.getHandle<MigrationWorkflow>(
      messages.migrationWorkflowId(this.#open.migration.name),
    );
  }

  #writeHandle(operationId: string) {
    return this.#temporal.workflow.getHandle(
      messages.writeWorkflowId(this.#open.migration.name, operationId),
    );
  }

  /** Asks a worker, which needs not be the one that last worked for the migration. */
  async #query(): Promise<messages.MigrationStatus> {
    const limit = this.#answerWithinMs;
    const query = () => this.#handle().query(messages.migrationStatus);
    return await this.#known(() =>
      waitingFor(`a worker to answer for migration ${this.#open.migration.name}`, () =>
        limit === null ? query() : this.#temporal.connection.withDeadline(Date.now() + limit, query),
      ),
    );
  }

  /** A command waits for a worker however long that takes, so it is seen first whether one answers. */
  #commanded<T>(message: string, command: () => Promise<T>): Promise<T> {
    const { migration } = this.#open;
    const attendance = { temporal: this.#temporal, migration, answerWithinMs: this.#answerWithinMs };
    return this.#known(() =>
      attended(attendance, `migration ${migration.name} to answer ${message}`, command),
    );
  }

  #known<T>(ask: () => Promise<T>): Promise<T> {
    const { name } = this.#open.migration;
    return answerOf(ask, async (error) => {
      if (error instanceof WorkflowNotFoundError)
        return new LockstepError(
          'NotRunning',
          `Temporal knows no running migration ${name} (${reasonOf(error)}); start it with lockstep start`,
        );
      if (!isUnanswered(error)) return null;
      const { status } = await this.#handle().describe();
      const over = status.name === 'RUNNING' ? '' : `; its workflow is over (${status.name})`;
      return noWorker(`no worker answers for migration ${name}${over}: ${reasonOf(error)}`, error);
    });
  }
}

const pause = () => sleep(200);
