import type { Outcome, Store, Stored, WriteItem } from '../databases/store.ts';
import { canonicalText, type Image, keyText } from '../model/canonical.ts';
import { digestOf } from '../model/digest.ts';
import { type Entity, validImage } from '../model/entity.ts';
import { type FailureCode, LockstepError } from '../model/failure.ts';
import { entityOf, sharedRecords } from '../model/field.ts';
import { entityNamed } from '../model/migration.ts';
import type { Operation, OperationStatus, WriteInput, WriteRoute } from '../model/operation.ts';
import { isNewer, type Version } from '../model/version.ts';
import { Absence } from './absence.ts';
import type { ActivityContext } from './context.ts';
import { convergeKeys } from './converge.ts';
import { failureOf } from './failures.ts';
import { restore } from './restore.ts';

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
        | 'AlreadyExists'
        | 'NotFound'
        | 'VersionConflict'
        | 'StoreRefused'
        | 'InvalidEntity'
        | 'Compensated';
      readonly message: string;
      /** What the record has, where the primary refused what it was asked for. */
      readonly version?: Version;
    }
  | { readonly status: 'conflict'; readonly message: string }
  | { readonly status: 'aborted' }
  | { readonly status: 'fenced' };

/** `stands`: both stores have the operation by now, so that nothing is left to undo. */
export type UndoResult = WriteResult | { readonly status: 'stands'; readonly version: Version };

/** By the clock of the worker that did it. */
export interface Timing {
  readonly startedAtMs: number;
  readonly tookMs: number;
}

const movedAttempts = 10;

export type WriteActivities = ReturnType<typeof writeActivities>;

export function writeActivities(context: ActivityContext) {
  const { migration, stores, clock } = context;
  const absence = new Absence(migration.policy);

  /** The guarded write at the primary: it decides about version and refusal. */
  async function writePrimary(input: WriteInput): Promise<WriteResult> {
    const { operation, route } = input;
    const entity = entityNamed(migration, operation.entity);
    const store = stores[route.primary];
    const owes = route.secondary !== null;
    const needsBefore =
      operation.kind === 'update' || (input.pattern === 'parallel' && operation.kind !== 'create');
    for (let attempt = 1; attempt <= movedAttempts; attempt++) {
      const stored = needsBefore ? await readOne(store, entity, operation) : null;
      const item = await decidingItem(entity, operation, stored, owes);
      if ('refused' in item) return item.refused;
      const outcome = onlyOutcome(
        await store.write(entity, [item], { migration: migration.name, epoch: route.epoch }),
      );
      if (outcome.status !== 'moved') return resultOf(store, entity, operation, outcome);
    }
    throw new LockstepError(
      'Moved',
      `a key of ${entity.name} changed ${movedAttempts} times while operation ${operation.id} was computed; it is tried again`,
      { entity: entity.name, operationId: operation.id },
    );
  }

  /** For `parallel`: the secondary takes the image with the proposed version, at the same time as the primary. */
  async function writeSecondary(input: WriteInput): Promise<WriteResult> {
    const { operation, route } = input;
    if (!route.secondary) throw new TypeError('a route without secondary has no secondary write');
    const entity = entityNamed(migration, operation.entity);
    const store = stores[route.secondary];
    const item: WriteItem = {
      mode: 'follow',
      kind: operation.kind,
      key: operation.key,
      image: operation.image,
      version: operation.proposed,
      operationId: operation.id,
      status: 'completed',
      brings: operation.image ? bringsOf(entity, operation.image, null, operation.proposed) : [],
    };
    const outcome = onlyOutcome(
      await store.write(entity, [item], { migration: migration.name, epoch: route.epoch }),
    );
    if (outcome.status === 'superseded') return { status: 'applied', version: outcome.version };
    return resultOf(store, entity, operation, outcome);
  }

  /**
   * Brings the secondary to what the primary has for the operation's key, then notes in the journal of the store that
   * decided that nothing is owed any more.
   */
  async function settleSecondary(request: {
    operation: Pick<Operation, 'id' | 'entity' | 'key'>;
    route: WriteRoute;
    decidedBy: WriteRoute['primary'];
    /** Of the primary's part, to tell what the other store's costs. */
    timing?: Timing | null;
  }): Promise<WriteResult> {
    const { operation, route, decidedBy } = request;
    const entity = entityNamed(migration, operation.entity);
    const [converged] = await patiently(route.secondary, () =>
      convergeKeys(context, entity, [operation.key], route),
    );
    if (!converged) throw new TypeError('converge gave no result for its key');
    if (converged.status === 'settled') {
      await stores[decidedBy].settle([operation.id], 'completed');
      return { status: 'applied', version: converged.version };
    }
    if (converged.status === 'refused')
      return { status: 'refused', code: 'StoreRefused', message: converged.message };
    return converged;
  }

  async function patiently<T>(store: WriteRoute['secondary'], work: () => Promise<T>): Promise<T> {
    try {
      const done = await work();
      if (store) absence.isOver(store);
      return done;
    } catch (error) {
      const isAway = error instanceof LockstepError && error.code === 'StoreUnavailable';
      if (!isAway || !store || error.details.store !== store) throw error;
      throw failureOf(error, absence.pauseMs(store));
    }
  }

  /**
   * What became of an operation in a store that decided under an epoch that is over there: the fence waited for every try that
   * ran, and lets none in. Unlike closing the id this leaves it free, because the primary may change back.
   */
  async function findFenced(request: {
    operation: Operation;
    store: WriteRoute['primary'];
    epoch: number;
  }): Promise<{ status: OperationStatus; version: Version | null } | null> {
    const { operation, store, epoch } = request;
    const state = await stores[store].readState(migration.name);
    if (state === null || state.epoch <= epoch) {
      throw new LockstepError(
        'Fenced',
        `operation ${operation.id} waits: the ${store} store has not heard yet that epoch ${epoch} of ${migration.name} is over`,
        { store },
      );
    }
    const [entry] = await stores[store].journal({
      migration: migration.name,
      ids: [operation.id],
      limit: 1,
    });
    return entry ? { status: entry.status, version: entry.version } : null;
  }

  /** Closes an operation id in a store, so that no zombie commits it later; says what had become of it. */
  async function closeOperation(request: {
    operation: Operation;
    store: WriteRoute['primary'];
  }): Promise<{ status: OperationStatus; version: Version | null; reason: string | null }> {
    const { operation, store } = request;
    const { id, entity, key, kind } = operation;
    const entry = await stores[store].abort({ id, entity, key, kind }, migration.name);
    return { status: entry.status, version: entry.version, reason: entry.reason };
  }

  /** Gives the status that the journal has then: an operation that is settled already is not parked. */
  async function parkOperation(request: {
    store: WriteRoute['primary'];
    operationId: string;
    failure: FailureCode;
    reason: string;
    /** It took effect in this store and could not be undone. */
    undoing: boolean;
  }): Promise<OperationStatus> {
    const { store, operationId, failure, reason, undoing } = request;
    await stores[store].park(operationId, { failure, reason, undoing });
    const [entry] = await stores[store].journal({ migration: migration.name, ids: [operationId], limit: 1 });
    return entry?.status ?? 'parked';
  }

  async function settleOperation(request: {
    store: WriteRoute['primary'];
    operationId: string;
    status: OperationStatus;
    reason: string | null;
  }): Promise<void> {
    await stores[request.store].settle([request.operationId], request.status, request.reason ?? undefined);
  }

  /**
   * Undoes an operation under a newer version: the primary gets its before-image back (or keeps what it has, when it was
   * the one that refused), and the secondary is converged to it. Shared records stay: others may lean on them.
   */
  async function undoOperation(request: {
    operation: Operation;
    route: WriteRoute;
    /** The version that the primary gave, null where it refused. */
    version: Version | null;
  }): Promise<UndoResult> {
    const { operation, route, version } = request;
    const entity = entityNamed(migration, operation.entity);
    const primary = stores[route.primary];
    for (let attempt = 1; attempt <= movedAttempts; attempt++) {
      const stored = await readOne(primary, entity, operation);
      if (version === null || stored.version === version) {
        const image =
          version === null ? stored.image : await beforeImage(primary, entity, operation, route, version);
        if (image === 'stands') {
          await primary.settle([operation.id], 'completed');
          return { status: 'stands', version: stored.version };
        }
        // The proposal tells this sending of the operation from an earlier one that was undone as well.
        const { id, key, proposed } = operation;
        const operationId = `${id}:undo:${proposed}`;
        const wanted = { key, image, base: stored.version, version: newerThan(proposed), operationId };
        const outcome = await restore(context, entity, wanted, route);
        if (outcome.status === 'moved') continue;
        const result = resultOf(primary, entity, operation, outcome);
        if (result.status !== 'applied') return result;
      }
      // Otherwise a later write has replaced ours already, as a whole image: there is nothing left to undo.
      const [converged] = route.secondary
        ? await convergeKeys(context, entity, [operation.key], route)
        : [{ status: 'settled' as const, version: stored.version }];
      if (!converged) throw new TypeError('converge gave no result for its key');
      if (converged.status === 'refused')
        return { status: 'refused', code: 'StoreRefused', message: converged.message };
      if (converged.status !== 'settled') return converged;
      await primary.settle([operation.id], 'compensated');
      return { status: 'applied', version: converged.version };
    }
    throw new LockstepError(
      'Moved',
      `the key of operation ${operation.id} kept changing while it was undone; it is tried again`,
      {
        entity: entity.name,
        operationId: operation.id,
      },
    );
  }

  /** From the journal where it was kept, else what the secondary, which refused the write, still has; if it has not got it since. */
  async function beforeImage(
    primary: Store,
    entity: Entity,
    operation: Operation,
    route: WriteRoute,
    version: Version,
  ): Promise<Image | null | 'stands'> {
    if (operation.kind === 'create') return null;
    const [entry] = await primary.journal({ migration: migration.name, ids: [operation.id], limit: 1 });
    if (entry?.before) return entry.before;
    if (route.secondary) {
      const other = await readOne(stores[route.secondary], entity, operation);
      if (!isNewer(version, other.version)) return 'stands';
      if (other.image || other.deleted) return other.image;
    }
    throw new LockstepError(
      'InvalidRequest',
      `operation ${operation.id} cannot be compensated: neither the journal nor the secondary has the image from before it; ` +
        'retry it, discard it, or write the wanted state as a new operation',
      { operationId: operation.id, entity: entity.name },
    );
  }

  function newerThan(version: Version): Version {
    const next = clock.next();
    return isNewer(next, version) ? next : (BigInt(version) + 1n).toString();
  }

  return {
    writePrimary,
    writeSecondary,
    settleSecondary,
    findFenced,
    closeOperation,
    parkOperation,
    settleOperation,
    undoOperation,
  };
}

async function readOne(store: Store, entity: Entity, operation: Pick<Operation, 'key'>): Promise<Stored> {
  const [stored] = await store.read(entity, [operation.key]);
  if (!stored) throw new TypeError('a read gave no record for its key');
  return stored;
}

export async function decidingItem(
  entity: Entity,
  operation: Operation,
  stored: Stored | null,
  owes: boolean,
): Promise<WriteItem | { refused: WriteResult }> {
  const item = {
    mode: 'decide' as const,
    kind: operation.kind,
    key: operation.key,
    version: operation.proposed,
    operationId: operation.id,
    status: owes ? ('pending' as const) : ('completed' as const),
    expectedVersion: operation.expectedVersion,
  };
  const based = stored
    ? // What nobody waits for is never compensated.
      { baseVersion: stored.version, ...(owes ? { before: stored.image } : {}) }
    : {};
  if (operation.kind !== 'update') {
    const brings = operation.image ? bringsOf(entity, operation.image, null, null) : [];
    return { ...item, ...based, image: operation.image, brings };
  }
  if (stored?.unreadable)
    return { refused: { status: 'refused', code: 'InvalidEntity', message: stored.unreadable } };
  // A missing row is refused by the routine itself, so that the refusal is recorded with the operation.
  if (!stored?.image) return { ...item, image: null, brings: [] };
  try {
    const image = await validImage(entity, entityOf(entity.fields, { ...stored.image, ...operation.image }));
    return { ...item, ...based, image, brings: bringsOf(entity, image, stored.image, null) };
  } catch (error) {
    if (!(error instanceof LockstepError) || error.code !== 'InvalidEntity') throw error;
    return { refused: { status: 'refused', code: 'InvalidEntity', message: error.message } };
  }
}

/** The shared records that an image brings: all of them, or those that differ from the image it was made from. */
function bringsOf(
  entity: Entity,
  image: Image,
  base: Image | null,
  version: Version | null,
): WriteItem['brings'] {
  const known = new Map(
    base
      ? sharedRecords(entity.fields, base).map((shared) => [idOf(shared), canonicalText(shared.record)])
      : [],
  );
  return sharedRecords(entity.fields, image)
    .filter((shared) => known.get(idOf(shared)) !== canonicalText(shared.record))
    .map((shared) => ({ name: shared.name, key: shared.key, version, digest: digestOf(shared.record) }));
}

function idOf(shared: { name: string; key: readonly string[] }): string {
  return `${shared.name}${keyText(shared.key)}`;
}

function resultOf(store: Store, entity: Entity, operation: Operation, outcome: Outcome): WriteResult {
  switch (outcome.status) {
    case 'applied':
    case 'superseded':
      return { status: 'applied', version: outcome.version };
    case 'known':
      return knownResult(entity, operation, outcome);
    case 'refused':
      return {
        status: 'refused',
        code: outcome.reason as 'NotFound',
        message: refusal(entity, operation, outcome.reason, outcome.version),
        version: outcome.version,
      };
    case 'fenced':
      return { status: 'fenced' };
    case 'moved':
      throw new TypeError('a write that moved is tried again before its result is told');
    case 'failed': {
      const message = `${entity.name}: the ${store.name} store refused operation ${operation.id}: ${outcome.failure.message}`;
      return outcome.failure.code === 'UniqueConflict'
        ? { status: 'conflict', message }
        : { status: 'refused', code: 'StoreRefused', message };
    }
  }
}

/** A repeat answers what the first try did. */
function knownResult(
  entity: Entity,
  operation: Operation,
  known: Extract<Outcome, { status: 'known' }>,
): WriteResult {
  switch (known.recorded) {
    case 'aborted':
      return { status: 'aborted' };
    case 'compensated':
      return {
        status: 'refused',
        code: 'Compensated',
        message: `${entity.name}: operation ${operation.id} was undone before; send the write again under a new operation id`,
      };
    case 'failed': {
      const code =
        known.reason === 'AlreadyExists' || known.reason === 'VersionConflict' ? known.reason : 'NotFound';
      const version = known.version ?? '0';
      return { status: 'refused', code, message: refusal(entity, operation, code, version), version };
    }
    default:
      return { status: 'applied', version: known.version ?? '0' };
  }
}

function refusal(entity: Entity, operation: Operation, code: string, version: Version): string {
  switch (code) {
    case 'AlreadyExists':
      return `${entity.name}: create refused, the key exists already; use replace or update (operation ${operation.id})`;
    case 'VersionConflict':
      return `${entity.name}: the record is at version ${version}, not at ${operation.expectedVersion}; read it again and decide anew (operation ${operation.id})`;
    default:
      return `${entity.name}: ${operation.kind} refused, there is no record with this key (operation ${operation.id})`;
  }
}

function onlyOutcome(outcomes: readonly Outcome[]): Outcome {
  const [outcome] = outcomes;
  if (!outcome) throw new TypeError('a write gave no outcome for its item');
  return outcome;
}
