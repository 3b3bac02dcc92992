import type { OpenMigration } from '../../databases/contract/current-state.ts';
import { StoreSetBack } from '../../databases/contract/set-back.ts';
import { decideAtPrimary } from '../../databases/deciding/decide.ts';
import { decideTogether, type GroupDecision } from '../../databases/deciding/decide-together.ts';
import type { WriteResult } from '../../databases/deciding/write-result.ts';
import { LockstepError } from '../../model/failure.ts';
import type { AnyFailureCode } from '../../model/failure-codes.ts';
import { routeOf, type WriteReceipt, type WriteRoute } from '../../model/operation.ts';
import { type ToldRefusal, toldAborted, toldRefusal } from '../../model/told-refusal.ts';
import { unknownOutcome } from '../temporal/acknowledged-start.ts';
import type { OwedSweep } from './owed-sweep.ts';
import { type RouteCache, reopenPollMs } from './route-cache.ts';
import type { TimedWrite } from './start-group.ts';

interface JournalEntryParts extends OpenMigration {
  readonly routes: RouteCache;
  readonly sweep: OwedSweep;
}

/** A write that has no answer yet. */
interface Entering extends TimedWrite {
  readonly answer: PromiseWithResolvers<WriteReceipt>;
}

/** Another try may change it, under the same id. */
const passing: readonly AnyFailureCode[] = ['StoreUnavailable', 'Fenced', 'WriteConflict'];
const firstPauseMs = 50;
const longestPauseMs = 1_000;
/** So long before the end of its time a write is answered, so that its caller hears why. */
const marginMs = 50;

/**
 * Writes enter by the primary's journal: one transaction of this process holds data and pending operations, and its commit is the
 * answer. A worker brings the other store along, as it does for what transactions of callers have touched.
 */
export class JournalEntry {
  readonly #parts: JournalEntryParts;

  constructor(parts: JournalEntryParts) {
    this.#parts = parts;
  }

  /**
   * Writes that differ in nothing but their operations, in their order; gives the answer to each. Where the primary is being changed or
   * does not answer, they are sent again under their ids.
   */
  enter(writes: readonly TimedWrite[]): readonly Promise<WriteReceipt>[] {
    const entering = writes.map((write): Entering => ({ ...write, answer: Promise.withResolvers() }));
    this.#enterAll(entering).catch((error: unknown) => {
      for (const { answer } of entering) answer.reject(error);
    });
    return entering.map(({ answer }) => answer.promise);
  }

  async #enterAll(writes: readonly Entering[]): Promise<void> {
    let pauseMs = firstPauseMs;
    let open = writes;
    // Those of which a try may have taken effect without an answer.
    const sent = new Set<Entering>();
    while (open.length > 0) {
      const { left, why } = await this.#tryOnce(open);
      if (why !== null && !(why instanceof StoreSetBack)) for (const write of left) sent.add(write);
      open = left.filter((write) => !isOver(write, why, sent.has(write)));
      if (open.length === 0) return;
      this.#parts.routes.forget();
      const leftMs = Math.min(...open.map(({ until }) => until)) - performance.now() - marginMs;
      await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, Math.max(0, leftMs))));
      pauseMs = Math.min(pauseMs * 2, why === null ? reopenPollMs : longestPauseMs);
    }
  }

  /** Gives those without an answer, and the failure that another try may change; null where the route was another. */
  async #tryOnce(
    writes: readonly Entering[],
  ): Promise<{ left: readonly Entering[]; why: LockstepError | null }> {
    const answered = new Set<Entering>();
    try {
      const state = this.#parts.routes.fresh() ?? (await this.#parts.routes.current());
      if (!state.open) return { left: writes, why: null };
      const route = routeOf(state, writes[0]?.input.dualWrite);
      const decisions = writes.length === 1 ? [] : await this.#together(writes, route);
      for (const [index, write] of writes.entries()) {
        const { operation, pattern } = write.input;
        const decision = decisions[index] ?? { status: 'apart' };
        const result =
          decision.status === 'apart'
            ? await decideAtPrimary(this.#parts, { operation, pattern, route })
            : decision;
        if (this.#answer(write, result, route)) answered.add(write);
      }
      return { left: writes.filter((write) => !answered.has(write)), why: null };
    } catch (error) {
      if (!(error instanceof LockstepError) || !passing.includes(error.code)) throw error;
      return { left: writes.filter((write) => !answered.has(write)), why: error };
    }
  }

  async #together(writes: readonly Entering[], route: WriteRoute): Promise<readonly GroupDecision[]> {
    return await decideTogether(
      this.#parts,
      writes.map(({ input }) => input.operation),
      route,
    );
  }

  /** Whether there was one. */
  #answer({ input, answer }: Entering, result: WriteResult, route: WriteRoute): boolean {
    const { operation } = input;
    const { id } = operation;
    switch (result.status) {
      case 'fenced':
        return false;
      case 'applied':
        if (route.secondary) this.#parts.sweep.request();
        answer.resolve({ operationId: id, version: result.version, epoch: route.epoch });
        return true;
      case 'aborted':
        answer.reject(failureOf(toldAborted(operation)));
        return true;
      default:
        answer.reject(failureOf(toldRefusal(operation, route.primary, result)));
        return true;
    }
  }
}

function failureOf({ code, message, details }: ToldRefusal): LockstepError {
  return new LockstepError(code, message, details);
}

/** Whoever still waits at the end of its time is told why, and that nobody knows where it may have taken effect. */
function isOver({ input, until, answer }: Entering, why: LockstepError | null, isSent: boolean): boolean {
  if (performance.now() + marginMs < until) return false;
  const { id, entity } = input.operation;
  const late = why ?? new Error('the primary is being changed');
  answer.reject(
    why instanceof StoreSetBack && !isSent
      ? why
      : unknownOutcome('write', { entity, operationId: id }, 0, late),
  );
  return true;
}
