import { asyncLocalStorage } from '@temporalio/activity';
import type { Activities } from '../activities/index.ts';
import type { GroupReplication, OwedWrite } from '../activities/write/replicate-group.ts';
import type { AheadAnswers } from '../client/service/embedded-worker.ts';
import type { WriteResult } from '../databases/deciding/write-result.ts';
import type { WriteInput } from '../model/operation.ts';
import { withinLimit } from '../model/time-limit.ts';
import { toldRefusal } from '../model/told-refusal.ts';
import type { GroupedAnswer, WriteGroupInput } from '../model/write-group.ts';
import type { Ahead } from './ahead.ts';

/** Of a store that does not answer for so long, the workflow knows what to do. */
const limitMs = 5_000;

/**
 * The store calls with which the workflows `write` and `writeGroup` begin, made while these are being started. Only the way on
 * which all goes well is here; whatever else comes of a call, the workflow takes it over and tells the caller.
 */
export class WriteAhead {
  readonly #activities: Activities;
  readonly #ahead: Ahead;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(activities: Activities, ahead: Ahead) {
    this.#activities = activities;
    this.#ahead = ahead;
  }

  /** See `EmbeddedWorker`. */
  async write(workflowId: string, input: WriteInput, timeoutMs: number): Promise<AheadAnswers> {
    const work = async () => [await this.#write(workflowId, input)];
    return await this.#answered(workflowId, work, timeoutMs, 1);
  }

  /** See `EmbeddedWorker`. */
  async writeGroup(workflowId: string, input: WriteGroupInput, timeoutMs: number): Promise<AheadAnswers> {
    const work = () => this.#writeGroup(workflowId, input);
    return await this.#answered(workflowId, work, timeoutMs, input.writes.length);
  }

  /** See `EmbeddedWorker`. */
  begun(workflowId: string, started: Promise<boolean>): void {
    this.#await(
      started.then(
        (eagerly) => {
          if (!eagerly) this.#ahead.leave(workflowId);
        },
        // Whoever needs the workflow is told.
        () => this.#ahead.leave(workflowId),
      ),
    );
  }

  /** Resolves when no call is under way, and no start. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  async #answered(
    workflowId: string,
    work: () => Promise<AheadAnswers>,
    timeoutMs: number,
    count: number,
  ): Promise<AheadAnswers> {
    const late = () => new Error('no answer in time');
    try {
      // A caller may be an activity itself: this is none.
      return await asyncLocalStorage.exit(() => withinLimit(work(), Math.min(limitMs, timeoutMs), late));
    } catch {
      // The workflow is given the same failure, and says what comes of it.
      return Array.from({ length: count }, () => null);
    } finally {
      this.#ahead.close(workflowId);
    }
  }

  async #write(workflowId: string, input: WriteInput): Promise<GroupedAnswer | null> {
    const { operation, route, ack } = input;
    const result = await this.#begin(workflowId, 'writePrimary', () => this.#activities.writePrimary(input));
    if (result.status === 'refused' || result.status === 'conflict')
      return { status: 'failed', ...toldRefusal(operation, route.primary, result) };
    if (result.status !== 'applied') return null;
    const { version, timing = null } = result;
    const done: GroupedAnswer = { status: 'done', version };
    if (!route.secondary) return done;
    const request = { operation, route, decidedBy: route.primary, version, tentativeIn: null, timing };
    const seen = Promise.withResolvers<WriteResult | null>();
    this.#begin(workflowId, 'replicateToSecondary', () =>
      this.#activities.replicateToSecondary(request, seen.resolve),
    ).then(seen.resolve, () => seen.resolve(null));
    if (ack === 'primary') return done;
    return (await seen.promise)?.status === 'applied' ? done : null;
  }

  async #writeGroup(workflowId: string, { writes, route, ack }: WriteGroupInput): Promise<AheadAnswers> {
    const operations = writes.map(({ operation }) => operation);
    const { decisions, timing } = await this.#begin(workflowId, 'writeGroupAtPrimary', () =>
      this.#activities.writeGroupAtPrimary({ operations, route }),
    );
    const answers = operations.map((operation, index): GroupedAnswer | null => {
      const decision = decisions[index];
      if (decision?.status === 'applied') return { status: 'done', version: decision.version };
      return decision?.status === 'refused'
        ? { status: 'failed', ...toldRefusal(operation, route.primary, decision) }
        : null;
    });
    if (!route.secondary) return answers;
    const owed = operations.flatMap(({ id, entity, key }, index): OwedWrite[] =>
      answers[index]?.status === 'done' ? [{ id, entity, key, decidedBy: route.primary }] : [],
    );
    // Those that are fenced are decided under another route first, and then go to the secondary with these.
    const isWhole = decisions.every(({ status }) => status !== 'fenced');
    const seen = Promise.withResolvers<readonly GroupReplication[]>();
    if (isWhole && owed.length > 0) {
      this.#begin(workflowId, 'replicateGroup', () =>
        this.#activities.replicateGroup({ owed, route, timing }, seen.resolve),
      ).then(seen.resolve, () => seen.resolve([]));
    } else seen.resolve([]);
    if (ack === 'primary') return answers;
    const inBoth = new Set(
      (await seen.promise).flatMap((result, at) => (result === 'applied' ? [owed[at]?.id] : [])),
    );
    return answers.map((answer, index) =>
      answer?.status === 'done' && !inBoth.has(operations[index]?.id) ? null : answer,
    );
  }

  #begin<T>(workflowId: string, activity: string, work: () => Promise<T>): Promise<T> {
    const begun = this.#ahead.begin(workflowId, activity, work);
    this.#await(begun);
    return begun;
  }

  #await(work: Promise<unknown>): void {
    const over: Promise<unknown> = work.then(
      () => this.#underWay.delete(over),
      () => this.#underWay.delete(over),
    );
    this.#underWay.add(over);
  }
}
