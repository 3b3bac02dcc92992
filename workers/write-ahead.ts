import { asyncLocalStorage } from '@temporalio/activity';
import type { Activities } from '../activities/index.ts';
import type { GroupDecisions } from '../activities/write/group.ts';
import type { GroupReplication, OwedWrite } from '../activities/write/replicate-group.ts';
import type { DecidedHere, WrittenHere } from '../client/service/embedded-worker.ts';
import type { GroupDecision } from '../databases/deciding/decide-together.ts';
import type { WriteResult } from '../databases/deciding/write-result.ts';
import type { StoreName } from '../model/failure.ts';
import type { Operation, WriteInput } from '../model/operation.ts';
import { withinLimit } from '../model/time-limit.ts';
import { toldRefusal } from '../model/told-refusal.ts';
import type { GroupedAnswer, WriteGroupInput } from '../model/write-group.ts';
import type { Ahead } from './ahead.ts';

/** Of a store that does not answer for so long, a workflow knows what to do. */
const limitMs = 5_000;
/** So long a caller who asked for the primary waits for the other store, in which case no workflow has to be started for him. */
const otherStoreMs = 250;

/** One write that the primary has decided, and what comes of it at the other store. */
interface UnderWay extends DecidedHere {
  /** Whether the other store has it too, or needs not; never rejects. */
  readonly taken: Promise<boolean>;
}

/**
 * The store calls with which the workflows `write` and `writeGroup` begin, made before these are started. Only the way on which
 * all goes well is here; whatever else comes of a call, a workflow sees to it.
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
  async write(
    inputs: readonly [WriteInput, ...WriteInput[]],
    timeoutMs: number,
  ): Promise<readonly (WrittenHere | null)[]> {
    return await inTime(() => this.#written(inputs), timeoutMs).catch(() => inputs.map(() => null));
  }

  async #written(inputs: readonly [WriteInput, ...WriteInput[]]): Promise<readonly (WrittenHere | null)[]> {
    const [first, ...others] = inputs;
    const decided =
      others.length === 0 ? await this.#one(first) : await this.#many({ ...first, writes: inputs });
    const isPrimaryEnough = first.ack === 'primary';
    const late = Promise.withResolvers<false>();
    const timer = isPrimaryEnough ? setTimeout(late.resolve, otherStoreMs, false) : undefined;
    try {
      return await Promise.all(
        inputs.map(async (input, index) => {
          const write = decided[index];
          if (!write) return null;
          const isOwed = !(await Promise.race([write.taken, late.promise]));
          if (!isOwed) return { ...write, isOwed, input: inputBehind(input, write.decision) };
          return isPrimaryEnough ? { ...write, isOwed, input } : null;
        }),
      );
    } finally {
      clearTimeout(timer);
    }
  }

  /** See `EmbeddedWorker`. */
  takeOver(workflowId: string, writes: readonly [WrittenHere, ...WrittenHere[]]): void {
    const [{ decision, timing }, ...others] = writes;
    const undecided = writes.filter(({ input }) => input.decided === undefined);
    const decided = writes.filter(({ input }) => input.decided !== undefined);
    const completed = Promise.all(decided.map((write) => write.completed));
    const results = new Map<string, Promise<unknown>>();
    if (others.length === 0) {
      if (undecided.length > 0) results.set('writePrimary', Promise.resolve<WriteResult>(decision));
      else
        results.set(
          'replicateToSecondary',
          completed.then((): WriteResult => decision),
        );
    } else {
      const decisions = undecided.map((write) => groupDecision(write.decision));
      const known = Promise.resolve<GroupDecisions>({ decisions, timing });
      if (undecided.length > 0) results.set('writeGroupAtPrimary', known);
      const replicated = completed.then(() => decided.map((): GroupReplication => 'applied'));
      if (decided.length > 0) results.set('replicateGroup', replicated);
    }
    this.#ahead.give(workflowId, results);
  }

  /** See `EmbeddedWorker`. */
  begun(workflowId: string, started: Promise<boolean>): void {
    this.#tracked(
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

  async #one(input: WriteInput): Promise<readonly [UnderWay | null]> {
    const { operation, route } = input;
    const startedAtMs = Date.now();
    const started = performance.now();
    const decision = await this.#tracked(this.#activities.writePrimary(input, { alone: true }));
    if (decision.status === 'aborted' || decision.status === 'fenced') return [null];
    const answer = answerTo(operation, route.primary, decision);
    const timing = { startedAtMs, tookMs: performance.now() - started };
    const decided = { answer, decision, timing };
    if (decision.status !== 'applied' || !route.secondary) return [{ ...decided, ...nothingOwed }];
    const { version } = decision;
    const request = { operation, route, decidedBy: route.primary, version, tentativeIn: null, timing };
    const seen = Promise.withResolvers<WriteResult | null>();
    const completed = this.#tracked(this.#activities.replicateToSecondary(request, seen.resolve));
    completed.then(seen.resolve, () => seen.resolve(null));
    return [{ ...decided, completed, taken: seen.promise.then((result) => result?.status === 'applied') }];
  }

  async #many({
    writes,
    route,
  }: Pick<WriteGroupInput, 'writes' | 'route'>): Promise<readonly (UnderWay | null)[]> {
    const operations = writes.map(({ operation }) => operation);
    const { decisions, timing } = await this.#tracked(
      this.#activities.writeGroupAtPrimary({ operations, route }),
    );
    const owed = operations.flatMap(({ id, entity, key }, index): OwedWrite[] =>
      decisions[index]?.status === 'applied' ? [{ id, entity, key, decidedBy: route.primary }] : [],
    );
    const replication = this.#replication({ owed, route, timing });
    return operations.map((operation, index) => {
      const decision = decisions[index];
      if (!decision || decision.status === 'apart' || decision.status === 'fenced') return null;
      const decided = { answer: answerTo(operation, route.primary, decision), decision, timing };
      if (decision.status !== 'applied' || !replication) return { ...decided, ...nothingOwed };
      const { completed, seen } = replication;
      const taken = seen.then((results) => results.get(operation.id) === 'applied');
      return { ...decided, completed, taken };
    });
  }

  /** Null where the other store is owed nothing. */
  #replication(request: Parameters<Activities['replicateGroup']>[0]) {
    const { owed, route } = request;
    if (!route.secondary || owed.length === 0) return null;
    const seen = Promise.withResolvers<readonly GroupReplication[]>();
    const completed = this.#tracked(this.#activities.replicateGroup(request, seen.resolve));
    completed.then(seen.resolve, () => seen.resolve([]));
    return {
      completed,
      seen: seen.promise.then((results) => new Map(owed.map(({ id }, at) => [id, results[at]]))),
    };
  }

  #tracked<T>(work: Promise<T>): Promise<T> {
    const over: Promise<unknown> = work.then(
      () => this.#underWay.delete(over),
      () => this.#underWay.delete(over),
    );
    this.#underWay.add(over);
    return work;
  }
}

const nothingOwed = { completed: Promise.resolve(), taken: Promise.resolve(true) };

function answerTo(
  operation: Operation,
  store: StoreName,
  decision: DecidedHere['decision'],
): Exclude<GroupedAnswer, { status: 'apart' }> {
  return decision.status === 'applied'
    ? { status: 'done', version: decision.version }
    : { status: 'failed', ...toldRefusal(operation, store, decision) };
}

/** What both stores have needs no image any more: its workflow takes less, and so does the wait for it. */
function inputBehind(input: WriteInput, decision: DecidedHere['decision']): WriteInput {
  if (decision.status !== 'applied' || input.route.secondary === null) return input;
  return { ...input, operation: { ...input.operation, image: null }, decided: decision.version };
}

/** As the activity of a group would have answered. */
function groupDecision(decision: DecidedHere['decision']): GroupDecision {
  return decision.status === 'conflict' ? { status: 'apart' } : decision;
}

/** A caller may be an activity itself: this is none. */
async function inTime<T>(work: () => Promise<T>, timeoutMs: number): Promise<T> {
  const late = () => new Error('no answer in time');
  return await asyncLocalStorage.exit(() => withinLimit(work(), Math.min(limitMs, timeoutMs), late));
}
