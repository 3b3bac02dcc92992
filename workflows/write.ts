import {
  ApplicationFailure,
  allHandlersFinished,
  condition,
  log,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { UndoResult } from '../activities/write/undo.ts';
import type { WriteResult } from '../activities/write/write-result.ts';
import { failureIn } from '../model/carried-failure.ts';
import type { RefusalDetails } from '../model/failure.ts';
import type { AnyFailureCode } from '../model/failure-codes.ts';
import type { OperationStatus, WriteInput, WriteReceipt, WriteRoute } from '../model/operation.ts';
import type { Version } from '../model/version.ts';
import { Acknowledgement } from './acknowledgement.ts';
import { owing, patient, promptly, quick, soon, undoing, within } from './activities.ts';
import { failure, messageOf } from './failures.ts';
import {
  acknowledged,
  type Resolution,
  resolutions,
  resolve,
  resolveSignal,
  searchAttributes,
  type WriteStatus,
  writeStatus,
} from './messages.ts';
import { routeAfter } from './route.ts';
import { type Decided, decide } from './write-decision.ts';
import { compensationDetails, lookBackDetails, parkedDetails, undoSummary } from './write-details.ts';

/** Why a write waits for a person, and in which store's journal. */
interface Parking {
  readonly store: WriteRoute['primary'];
  readonly failure: AnyFailureCode;
  readonly reason: string;
  /** It took effect there and could not be undone. */
  readonly undoing: boolean;
}

/** A person's decision, or what the journal says has become of the operation meanwhile. */
type Parked = { readonly decision: Resolution } | { readonly settled: OperationStatus };

/** `left`: a person has given up undoing it. `stands`: both stores have it by now. */
type Undone = 'undone' | 'left' | 'stands';

const parallelConflictAttempts = 3;
const lookBackLimitMs = 600_000;

/** One write: it lands in both stores, or it is refused in both, or it waits, visible, for a person. */
export async function write(input: WriteInput): Promise<WriteReceipt> {
  const { operation } = input;
  let status: WriteStatus = { stage: 'primary', version: null, reason: null };
  const acknowledgement = new Acknowledgement<WriteReceipt>();
  let resolution: Resolution | null = null;
  let takesDecisions = false;

  setHandler(writeStatus, () => status, { description: 'Where the write stands' });
  setHandler(acknowledged, () => acknowledgement.answered(), {
    description: 'Answers when the write is as durable as its caller asked for',
  });
  setHandler(
    resolve,
    (decision) => {
      resolution = decision;
    },
    {
      validator: (decision) => {
        if (!resolutions.includes(decision)) {
          throw failure(
            'InvalidInput',
            `"${decision}" is no resolution; use one of ${resolutions.join(', ')}`,
          );
        }
        if (status.stage !== 'parked') {
          throw failure(
            'NotParked',
            `the write is not parked, it is at "${status.stage}"; only a parked one waits for a decision`,
          );
        }
      },
      description: 'Decides about a parked write: "retry", "discard" or "compensate"',
    },
  );
  setHandler(
    resolveSignal,
    (decision) => {
      if (takesDecisions && resolutions.includes(decision)) resolution = decision;
    },
    { description: 'As the update "resolve", for tools that only signal' },
  );

  if (input.ack === 'recorded') acknowledgement.give(receipt(null, input.route));

  try {
    const decided =
      input.pattern === 'parallel' && runsParallel(input) ? await decideParallel() : await decideAtPrimary();
    const inBoth = await settle(decided);
    status = { ...status, stage: 'done' };
    const done = receipt(decided.version, decided.route);
    acknowledgement.give(done);
    if (inBoth && input.validateAfterMs !== null) await lookBack(input.validateAfterMs);
    await condition(allHandlersFinished);
    return done;
  } catch (error) {
    if (!(error instanceof ApplicationFailure)) throw error;
    status = { ...status, stage: 'failed', reason: error.message };
    acknowledgement.refuse(error);
    await condition(allHandlersFinished);
    throw error;
  }

  function taken(): Resolution {
    return resolution ?? 'retry';
  }

  function receipt(version: Version | null, route: WriteRoute): WriteReceipt {
    return { operationId: operation.id, version, epoch: route.epoch };
  }

  async function decideAtPrimary(): Promise<Decided> {
    const decided = await decide(input);
    status = { stage: 'secondary', version: decided.version, reason: null };
    if (input.ack === 'primary') acknowledgement.give(receipt(decided.version, decided.route));
    return decided;
  }

  /** Both stores at once. What one of them refuses for good is undone in the other before the caller is told. */
  async function decideParallel(): Promise<Decided> {
    const [primary, secondary] = await Promise.all([outcomeOf(decide(input)), tryOnce(input)]);
    if ('error' in primary) {
      if (secondary?.status !== 'refused') await withdraw(input.route, primary.error);
      throw primary.error;
    }
    const { decided } = primary;
    status = { stage: 'secondary', version: decided.version, reason: null };
    if (secondary?.status === 'refused') await compensate(decided, secondary.message, secondary.details);
    return decided;
  }

  /** The primary refused: the operation is closed in the secondary, and undone there if it had got in. */
  async function withdraw(route: WriteRoute, refused: ApplicationFailure): Promise<void> {
    const store = route.secondary;
    if (!store) return;
    status = { stage: 'compensating', version: null, reason: refused.message };
    const closed = await soon((activities) => activities.closeOperation({ operation, store }));
    if (closed.status !== 'aborted') await undo({ route, version: null, reason: refused.message, store });
  }

  /** Undoes what the primary has, then fails the call with what the other store said; unless both have it by now. */
  async function compensate(decided: Decided, reason: string, refused: RefusalDetails = {}): Promise<void> {
    status = { stage: 'compensating', version: decided.version, reason };
    const { route, version, decidedBy: store } = decided;
    const undone = await undo({ route, version, reason, store });
    if (undone === 'stands') return;
    const details = {
      entity: operation.entity,
      operationId: operation.id,
      reason,
      ...(route.secondary ? { store: route.secondary } : {}),
      ...refused,
    };
    if (undone === 'undone')
      throw failure('StoreRefused', `${reason}; what the other store had taken was undone`, details);
    throw failure(
      'CompensationFailed',
      `${reason}; it was not undone, a person has left it as it is`,
      details,
    );
  }

  /** A compensation that fails parks, with both reasons; a person decides whether it is tried again. */
  async function undo(what: {
    route: WriteRoute;
    version: Version | null;
    reason: string;
    /** Which store has the operation, and keeps it in its journal. */
    store: WriteRoute['primary'];
  }): Promise<Undone> {
    const { version, reason, store } = what;
    const { kind, entity } = operation;
    let { route } = what;
    let wasParked = false;
    for (;;) {
      status = { ...status, stage: 'compensating' };
      setCurrentDetails(compensationDetails('begun', { kind, entity, store, reason }));
      const result = await undoOnce(route, version, undoSummary({ kind, entity, store, reason }));
      if (result.status === 'fenced') {
        route = await routeAfter(route, { operationId: operation.id, dualWrite: input.dualWrite });
        continue;
      }
      if (result.status === 'applied' || result.status === 'stands') {
        const undone = result.status === 'applied' ? 'undone' : 'stands';
        if (undone === 'undone' && wasParked) {
          await patient.settleOperation({ store, operationId: operation.id, status: 'compensated', reason });
        }
        setCurrentDetails(compensationDetails(undone, { kind, entity, store, reason }));
        return undone;
      }
      const why = 'message' in result ? result.message : 'the compensation was aborted';
      const waited = await parked({
        store,
        failure: 'CompensationFailed',
        reason: `${reason}; its compensation failed: ${why}`,
        undoing: true,
      });
      wasParked = true;
      if ('settled' in waited) return waited.settled === 'discarded' ? 'left' : 'undone';
      if (waited.decision === 'discard') {
        setCurrentDetails(compensationDetails('left', { kind, entity, store, reason: `${reason}; ${why}` }));
        return 'left';
      }
    }
  }

  async function undoOnce(route: WriteRoute, version: Version | null, summary: string): Promise<UndoResult> {
    try {
      return await undoing(summary).undoOperation({ operation, route, version });
    } catch (error) {
      const known = failureIn(error);
      if (!known) throw error;
      return { status: 'refused', code: 'StoreRefused', message: known.message };
    }
  }

  /** Until the secondary has the write (true), or nobody owes it any more. */
  async function settle(decided: Decided): Promise<boolean> {
    if (!decided.owed) return false;
    let { route } = decided;
    // The caller of a parallel write is waiting for the compensation; the others have their answer.
    const conflictLimit =
      input.pattern === 'parallel' ? parallelConflictAttempts : input.policy.conflictAttempts;
    let conflicts = 0;
    let first = true;
    while (route.secondary) {
      const result = await converge({ ...decided, route }, first);
      first = false;
      switch (result.status) {
        case 'applied':
          return true;
        case 'fenced':
          route = await routeAfter(route, { operationId: operation.id, dualWrite: input.dualWrite });
          continue;
        case 'conflict':
          // Often a swap in flight: the other write's image makes room.
          conflicts += 1;
          if (conflicts < conflictLimit) {
            await sleep(
              Math.min(input.policy.secondaryRetryMs * 2 ** conflicts, input.policy.secondaryRetryMaxMs),
            );
            continue;
          }
          break;
        case 'refused':
        case 'aborted':
          break;
      }
      const reason = 'message' in result ? result.message : 'the operation was aborted at the secondary';
      if (input.pattern === 'parallel') {
        await compensate({ ...decided, route }, reason, 'details' in result ? result.details : {});
        return true;
      }
      const { decidedBy: store, version } = decided;
      const code = result.status === 'conflict' ? result.code : 'StoreRefused';
      const waited = await parked({ store, failure: code, reason, undoing: false });
      if ('settled' in waited) return waited.settled === 'completed';
      if (waited.decision === 'discard') return false;
      if (waited.decision === 'compensate') {
        const undone = await undo({ route, version, reason, store });
        if (undone !== 'undone') return undone === 'stands';
        throw failure('Compensated', `operation ${operation.id} was compensated by a person: ${reason}`, {
          entity: operation.entity,
          operationId: operation.id,
        });
      }
      conflicts = 0;
    }
    const { decidedBy: store } = decided;
    await soon((activities) =>
      activities.settleOperation({ store, operationId: operation.id, status: 'completed', reason: null }),
    );
    return false;
  }

  async function converge({ route, decidedBy, timing }: Decided, first: boolean): Promise<WriteResult> {
    const request = {
      operation: { id: operation.id, entity: operation.entity, key: operation.key },
      route,
      decidedBy,
      timing,
    };
    if (first) {
      try {
        return await promptly.settleSecondary(request);
      } catch (error) {
        log.warn('the secondary did not take the write at once; it is tried until it does', {
          operationId: operation.id,
          reason: messageOf(error),
        });
      }
    }
    return await owing(input.policy).settleSecondary(request);
  }

  /** Waits for a person. The caller of `ack: 'both'` is told; the write itself stays owed. */
  async function parked({ store, failure: code, reason, undoing }: Parking): Promise<Parked> {
    // From before the journal says that it is parked: whoever reads that there may decide at once.
    resolution = null;
    takesDecisions = true;
    const park = { store, operationId: operation.id, failure: code, reason, undoing };
    const now = await patient.parkOperation(park);
    if (now !== 'parked') {
      takesDecisions = false;
      return { settled: now };
    }
    status = { ...status, stage: 'parked', reason };
    upsertSearchAttributes({ [searchAttributes.state]: ['parked'] });
    setCurrentDetails(parkedDetails({ kind: operation.kind, entity: operation.entity, store, reason }));
    log.error('the write is parked', { operationId: operation.id, entity: operation.entity, reason });
    acknowledgement.refuse(
      failure(
        'Parked',
        `the write is in the ${store} store only: ${reason}; an operator decides (lockstep writes show ${operation.id})`,
        {
          entity: operation.entity,
          operationId: operation.id,
          reason,
          ...(status.version ? { version: status.version } : {}),
        },
      ),
    );
    await condition(() => resolution !== null);
    const decision = taken();
    takesDecisions = false;
    setCurrentDetails('');
    status = { ...status, stage: 'secondary' };
    upsertSearchAttributes({ [searchAttributes.state]: [decision] });
    if (decision === 'discard') {
      await patient.settleOperation({ store, operationId: operation.id, status: 'discarded', reason });
    }
    return { decision };
  }

  /** Reads both stores back, long after the caller has its answer; what is wrong shows, and fails nothing. */
  async function lookBack(afterMs: number): Promise<void> {
    await sleep(afterMs);
    const { id, entity, key } = operation;
    try {
      const found = await within(lookBackLimitMs).validateWrite({ operation: { id, entity, key } });
      if (found.verdict === 'intact' || found.verdict === 'in-flight') return;
      setCurrentDetails(lookBackDetails(found));
      upsertSearchAttributes({ [searchAttributes.state]: ['differs'] });
      log.error('the write is not in both stores as it was written', { operationId: id, entity, ...found });
    } catch (error) {
      log.warn('the write could not be read back', { operationId: id, reason: messageOf(error) });
    }
  }
}

/**
 * An update computes its image at the primary first, so the secondary can only follow; and what the primary may well refuse
 * because of its version is not worth undoing.
 */
function runsParallel({ operation, route, dualWrite }: WriteInput): boolean {
  if (operation.kind === 'update' || operation.expectedVersion !== null) return false;
  return route.secondary !== null && dualWrite;
}

/** One quick try of the secondary; null where it did not answer. What it leaves open is settled by converging. */
async function tryOnce(input: WriteInput): Promise<WriteResult | null> {
  try {
    return await quick.writeSecondary(input);
  } catch (error) {
    log.warn('the secondary did not answer; it is converged after the primary', { reason: messageOf(error) });
    return null;
  }
}

async function outcomeOf(
  deciding: Promise<Decided>,
): Promise<{ decided: Decided } | { error: ApplicationFailure }> {
  try {
    return { decided: await deciding };
  } catch (error) {
    if (error instanceof ApplicationFailure) return { error };
    throw error;
  }
}
