import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { type FailureDetails, LockstepError, type RefusalDetails } from '../../model/failure.ts';
import { type Operation, operationIdTakenMessage, undoneMessage } from '../../model/operation.ts';
import type { Version } from '../../model/version.ts';
import type { RecordedRefusal } from '../contract/recorded-refusal.ts';
import type { Store } from '../contract/store.ts';
import {
  type ConflictCode,
  type Outcome,
  type Refusal,
  refusalDetails,
  refusalOfStore,
  refusals,
} from '../contract/write.ts';

/** What a refusal was about, and which store refused where that is not the one that was asked. */
export type RefusedBy = RefusalDetails & Pick<FailureDetails, 'store'>;

/** What a store made of an operation. Only what a retry may change is thrown instead. */
export type WriteResult =
  | {
      readonly status: 'applied';
      readonly version: Version;
      /** Of the primary's decision. */
      readonly timing?: Timing;
    }
  | {
      readonly status: 'refused';
      readonly code:
        | Refusal
        | 'StoreRefused'
        | 'InvalidEntity'
        | 'LossyShape'
        | 'Compensated'
        | 'OperationIdTaken'
        | 'DefinitionChanged';
      readonly message: string;
      /** What the record has, where the primary refused what it was asked for. */
      readonly version?: Version;
      /** Of a database's own refusal. */
      readonly details?: RefusedBy;
    }
  | {
      readonly status: 'conflict';
      readonly code: ConflictCode;
      readonly message: string;
      readonly details: RefusedBy;
    }
  | { readonly status: 'aborted' }
  | { readonly status: 'fenced' };

/** `taken`: the secondary has the rows, or needs none of them; either is settled once the primary has decided. */
export type TentativeResult =
  | { readonly status: 'taken' }
  | Extract<WriteResult, { readonly status: 'refused' | 'conflict' | 'fenced' | 'aborted' }>;

/** By the clock of the worker that did it. */
export interface Timing {
  readonly startedAtMs: number;
  readonly tookMs: number;
}

/** What a journal knows of an operation. */
export interface JournaledOperation {
  readonly id: string;
  readonly entity: string;
  readonly kind: string;
  readonly key: Key;
}

type Told = Pick<JournaledOperation, 'id' | 'kind'> & Pick<Operation, 'expectedVersion'>;

export function resultOf(store: Store, entity: Entity, operation: Told, outcome: Outcome): WriteResult {
  switch (outcome.status) {
    case 'applied':
    case 'superseded':
      return { status: 'applied', version: outcome.version };
    case 'known':
      return knownResult(entity, operation, outcome);
    case 'id-taken':
      return {
        status: 'refused',
        code: 'OperationIdTaken',
        message: operationIdTakenMessage(entity.name, operation.id),
      };
    case 'refused':
      return {
        status: 'refused',
        code: outcome.reason,
        message: refusal(entity, operation, outcome.reason, outcome.version),
        version: outcome.version,
      };
    case 'fenced':
      return { status: 'fenced' };
    case 'stale-base':
      throw new TypeError('a write with a stale base is tried again before it has a result');
    case 'failed':
      return refusedResult(entity, operation, refusalOfStore(store.name, outcome.failure));
  }
}

/** A first try and its repeats are told the same. */
export function refusedResult(
  entity: Entity,
  { id }: Pick<JournaledOperation, 'id'>,
  refusal: RecordedRefusal,
): Extract<WriteResult, { status: 'refused' | 'conflict' }> {
  const { code, store } = refusal;
  const details = { store, ...refusalDetails(refusal) };
  if (code === 'InvalidEntity' || code === 'LossyShape')
    return { status: 'refused', code, message: refusal.message, details };
  const message = `${entity.name}: the ${store} store refused operation ${id}: ${refusal.message}`;
  return code === 'StoreRefused'
    ? { status: 'refused', code, message, details }
    : { status: 'conflict', code, message, details };
}

/** What the secondary refused was undone at the primary: what the caller was told then. */
function undoneResult({ message, store, ...refusal }: RecordedRefusal): WriteResult {
  const details = { store, ...refusalDetails(refusal) };
  return { status: 'refused', code: 'StoreRefused', message: undoneMessage(message), details };
}

/** A repeat answers what the first try did. What is only tentative is no answer. */
function knownResult(
  entity: Entity,
  operation: Told,
  known: Extract<Outcome, { status: 'known' }>,
): WriteResult {
  switch (known.recorded) {
    case 'tentative':
      throw new LockstepError(
        'Fenced',
        `operation ${operation.id} waits: the store that decides took it when it was the secondary, and it is not settled yet`,
      );
    case 'aborted':
      return { status: 'aborted' };
    case 'discarded':
      // A person left what had only been tentative here: nothing was decided.
      return known.version === null ? { status: 'aborted' } : { status: 'applied', version: known.version };
    case 'compensated':
      if (known.refusal) return undoneResult(known.refusal);
      return {
        status: 'refused',
        code: 'Compensated',
        message: `${entity.name}: operation ${operation.id} was undone before; send the write again under a new operation id`,
      };
    case 'failed': {
      if (known.refusal) return refusedResult(entity, operation, known.refusal);
      const code = refusals.find((refusal) => refusal === known.reason) ?? 'NotFound';
      const version = known.version ?? '0';
      return { status: 'refused', code, message: refusal(entity, operation, code, version), version };
    }
    default:
      return { status: 'applied', version: known.version ?? '0' };
  }
}

function refusal(entity: Entity, operation: Told, code: string, version: Version): string {
  switch (code) {
    case 'AlreadyExists':
      return `${entity.name}: create refused, the key exists already; use replace or update (operation ${operation.id})`;
    case 'VersionConflict':
      return `${entity.name}: the record is at version ${version}, not at ${operation.expectedVersion}; read it again and decide anew (operation ${operation.id})`;
    default:
      return `${entity.name}: ${operation.kind} refused, there is no record with this key (operation ${operation.id})`;
  }
}
