import {
  ApplicationFailure,
  CancellationScope,
  condition,
  log,
  setCurrentDetails,
} from '@temporalio/workflow';
import { failureIn } from '../../model/carried-failure.ts';
import type { Evidence } from '../../model/evidence.ts';
import type { BulkWork } from '../../model/inputs/bulk-results.ts';
import { routes } from '../../model/phase.ts';
import { failure, messageOf } from '../failures.ts';
import type {
  Asked,
  MigrationInput,
  MigrationState,
  MigrationStatus,
  RunningDefinition,
} from '../messages.ts';
import { details, initialState } from './state.ts';

/** A running migration: what it remembers, and what it is doing. Both change here only. */
export class MigrationRun {
  #input: MigrationInput;
  #state: MigrationState;
  #busy: string | null;
  /** Of a change of primary that has not opened the new one. */
  #abortable: { readonly scope: CancellationScope; cancelledBy: string | null } | null = null;

  /** Looks that are under way, and whether another was asked for meanwhile. */
  readonly #looks = new Map<string, { again: boolean }>();
  /** Bulk work that is being started, and how often each kind was. */
  readonly #starting = new Set<BulkWork>();
  readonly #starts = new Map<BulkWork, number>();
  #told: Promise<void> = Promise.resolve();

  constructor(input: MigrationInput) {
    this.#input = input;
    this.#busy = input.state ? null : 'start';
    this.#state = input.state ?? initialState(input);
  }

  /** What it was started with, or what was applied since. */
  get input(): MigrationInput {
    return this.#input;
  }

  redefine(definition: RunningDefinition): void {
    this.#input = { ...this.#input, ...definition };
  }

  get state(): MigrationState {
    return this.#state;
  }

  get busy(): string | null {
    return this.#busy;
  }

  /** Takes a change of the state, and shows it in Temporal UI. */
  update(change: Partial<MigrationState>): void {
    this.#state = { ...this.#state, ...change };
    this.show();
  }

  /** What a validation found is kept until something voids it; what has voided evidence since it began voids it too. */
  keepEvidence(evidence: Evidence): void {
    const { evidenceVoided } = this.#state;
    if (evidenceVoided && Date.parse(evidence.began) < Date.parse(evidenceVoided.at)) return;
    this.update({ evidence, evidenceVoided: null });
  }

  /**
   * Evidence holds no longer, nor does what is being gathered: gates ask for new.
   *
   * @param reason what happened, as a sentence goes on after a colon: `a repair changed rows`
   */
  voidEvidence(reason: string): void {
    this.update({ evidence: null, evidenceVoided: { at: new Date().toISOString(), reason } });
  }

  show(): void {
    setCurrentDetails(details(this.status()));
  }

  status(): MigrationStatus {
    const { primary, secondary } = routes[this.#state.phase];
    const { migration, entities, digests = {}, policy } = this.#input;
    return {
      definition: { entities, digests, policy },
      migration,
      primary,
      secondary,
      busy: this.#busy,
      cancellable: this.#abortable !== null,
      ...this.#state,
    };
  }

  /** Every change waits for the start. If it fails, the workflow does, and its status stays at `start`. */
  async start(work: () => Promise<void>): Promise<void> {
    await work();
    this.#busy = null;
  }

  /** One change at a time; a failure is thrown, and kept for the status. */
  async exclusively(what: string, work: () => Promise<void>): Promise<MigrationStatus> {
    this.#assertIdle();
    this.update({ lastFailure: null });
    try {
      await this.alone(what, work);
    } catch (error) {
      this.update({ lastFailure: `${what}: ${messageOf(error)}` });
      const known = failureIn(error);
      throw known
        ? failure(known.code, known.message, known.details)
        : failure('Unexpected', messageOf(error));
    }
    return this.status();
  }

  /** As `exclusively`, for work that says itself what has failed. */
  async alone(what: string, work: () => Promise<void>): Promise<void> {
    this.#assertIdle();
    this.#busy = what;
    try {
      await work();
    } finally {
      this.#busy = null;
      this.show();
    }
  }

  /** One look of a kind at a time; what is asked for meanwhile follows it, once. */
  async lookOnce(what: string, look: () => Promise<void>): Promise<void> {
    const before = this.#looks.get(what);
    if (before) {
      before.again = true;
      return;
    }
    const underWay = { again: true };
    this.#looks.set(what, underWay);
    try {
      while (underWay.again) {
        underWay.again = false;
        await look();
      }
    } finally {
      this.#looks.delete(what);
    }
  }

  /** @param start false where it was running already */
  async starting(work: BulkWork, start: () => Promise<boolean>): Promise<boolean> {
    this.#starting.add(work);
    try {
      const started = await start();
      if (started) this.#starts.set(work, this.#startsOf(work) + 1);
      return started;
    } finally {
      this.#starting.delete(work);
    }
  }

  /** What is found of the work that was last started; null where that is other work in the end. */
  async ofLastStarted<T>(work: BulkWork, find: () => Promise<T>): Promise<T | null> {
    const isSettled = () => !this.#starting.has(work);
    await condition(isSettled);
    const before = this.#startsOf(work);
    const found = await find();
    await condition(isSettled);
    return this.#startsOf(work) === before ? found : null;
  }

  #startsOf(work: BulkWork): number {
    return this.#starts.get(work) ?? 0;
  }

  /** One after the other, because signals that are sent together may arrive in another order. */
  async inTurn(tell: () => Promise<void>): Promise<void> {
    this.#told = this.#told.then(tell);
    await this.#told;
  }

  /** Within a look: waits, but no longer than until somebody asks for another, which the next try is. */
  async untilAskedAgain(what: string, longestMs: number): Promise<void> {
    const underWay = this.#looks.get(what);
    await condition(() => underWay?.again === true, longestMs);
    if (underWay) underWay.again = false;
  }

  /** As `exclusively`, for what begins by itself and has nobody to answer: a failure is in the status and the log. */
  async quietly(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await this.exclusively(what, work);
    } catch (error) {
      if (!(error instanceof ApplicationFailure)) throw error;
      log.warn('it was refused', { what, reason: error.message });
    }
  }

  /** Does what a signal asks for, which has nobody to answer: what refuses it is in the status and the log. */
  async bySignal(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ApplicationFailure)) throw error;
      this.update({ lastFailure: `${name} by signal: ${error.message}` });
      log.warn('a signal was refused', { signal: name, reason: error.message });
    }
  }

  /** Work that `abort` ends; it fails then, also where it was done just before. */
  async abortable<T>(work: () => Promise<T>): Promise<T> {
    const abortable = { scope: new CancellationScope(), cancelledBy: null as string | null };
    this.#abortable = abortable;
    try {
      const result = await abortable.scope.run(work);
      if (abortable.cancelledBy === null) return result;
    } catch (error) {
      if (abortable.cancelledBy === null) throw error;
    } finally {
      this.#abortable = null;
    }
    throw failure('GateRefused', `it was cancelled by ${abortable.cancelledBy}`, { gate: 'cancelled' });
  }

  get cancellable(): boolean {
    return this.#abortable !== null;
  }

  abort({ by, reason }: Asked): void {
    if (!this.#abortable) return;
    this.#abortable.cancelledBy = `${by ?? 'somebody'}${reason === null ? '' : ` (${reason})`}`;
    this.#abortable.scope.cancel();
  }

  /** Steps look at it by their condition `busy` before; what begins by itself looks here. */
  #assertIdle(): void {
    if (this.#busy === null) return;
    throw failure('GateRefused', `${this.#busy} is in progress; try again when it is over`, { gate: 'busy' });
  }
}
