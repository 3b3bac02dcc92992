import { setCurrentDetails } from '@temporalio/workflow';
import type { UndoRequest, UndoResult } from '../../activities/write/undo.ts';
import { failureIn } from '../../model/carried-failure.ts';
import type { RefusalDetails } from '../../model/failure.ts';
import { undoneMessage, type WriteRoute } from '../../model/operation.ts';
import { otherStore } from '../../model/phase.ts';
import type { Version } from '../../model/version.ts';
import { compensation, unbounded } from '../activities.ts';
import { failure } from '../failures.ts';
import type { PrimaryDecision } from './decide.ts';
import { compensationDetails, undoSummary } from './details.ts';
import { park } from './park.ts';
import { routeAfter } from './route.ts';
import type { WriteRun } from './run.ts';

/** `left`: an operator has given up undoing it. `stands`: both stores have it by now. */
export type UndoOutcome = 'undone' | 'left' | 'stands';

export interface Undoing {
  readonly route: WriteRoute;
  /** That the primary gave. */
  readonly version: Version;
  readonly reason: string;
  /** Which store has the operation, and keeps it in its journal. */
  readonly store: WriteRoute['primary'];
  /** The outcome of the operation once it is undone; null where a person has it undone. */
  readonly refusal: UndoRequest['refusal'];
}

/** Undoes what the primary has, then fails the call with what the other store said; unless both have it by now. */
export async function compensate(
  run: WriteRun,
  decided: PrimaryDecision,
  reason: string,
  refused: RefusalDetails = {},
): Promise<void> {
  const { operation } = run.input;
  const { route, version, decidedBy: store } = decided;
  run.enter('compensating', { version, reason });
  const { about, violation } = refused;
  const told = {
    store: otherStore(route.primary),
    ...(about ? { about } : {}),
    ...(violation ? { violation } : {}),
  };
  const refusal = { code: 'StoreRefused', message: reason, ...told } as const;
  const undone = await undo(run, { route, version, reason, store, refusal });
  if (undone === 'stands') return;
  const message =
    undone === 'undone'
      ? undoneMessage(reason)
      : `${reason}; it was not undone, an operator has left it as it is`;
  throw failure(undone === 'undone' ? 'StoreRefused' : 'CompensationFailed', message, {
    entity: operation.entity,
    operationId: operation.id,
    reason: message,
    ...told,
  });
}

/** A compensation that fails parks, with both reasons; an operator decides whether it is tried again. */
export async function undo(
  run: WriteRun,
  { version, reason, store, refusal, ...from }: Undoing,
): Promise<UndoOutcome> {
  const { dualWrite, operation } = run.input;
  const { kind, entity, id: operationId } = operation;
  let { route } = from;
  let wasParked = false;
  for (;;) {
    run.enter('compensating');
    setCurrentDetails(compensationDetails('begun', { kind, entity, store, reason }));
    const result = await undoOnce(run, { route, version, reason, store, refusal });
    if (result.status === 'fenced') {
      route = await routeAfter(route, { operationId, dualWrite });
      continue;
    }
    if (result.status === 'applied' || result.status === 'stands') {
      const undone = result.status === 'applied' ? 'undone' : 'stands';
      if (undone === 'undone' && wasParked)
        await unbounded.setOperationStatus({ store, operationId, status: 'compensated', reason });
      setCurrentDetails(compensationDetails(undone, { kind, entity, store, reason }));
      return undone;
    }
    const why = 'message' in result ? result.message : 'the compensation was aborted';
    const parked = await park(run, {
      store,
      failure: 'CompensationFailed',
      reason: `${reason}; its compensation failed: ${why}`,
      undoing: true,
    });
    wasParked = true;
    if ('status' in parked) return parked.status === 'discarded' ? 'left' : 'undone';
    if (parked.decision === 'discard') {
      setCurrentDetails(compensationDetails('left', { kind, entity, store, reason: `${reason}; ${why}` }));
      return 'left';
    }
  }
}

async function undoOnce(
  run: WriteRun,
  { route, version, store, reason, refusal }: Undoing,
): Promise<UndoResult> {
  const { operation } = run.input;
  const { kind, entity } = operation;
  const { undoOperation } = compensation(undoSummary({ kind, entity, store, reason }));
  try {
    return await undoOperation({ operation, route, version, refusal });
  } catch (error) {
    const known = failureIn(error);
    if (!known) throw error;
    return { status: 'refused', code: 'StoreRefused', message: known.message };
  }
}
