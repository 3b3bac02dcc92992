import type { Activities } from '../../activities/index.ts';
import type { Migration } from '../../model/migration.ts';
import type { WriteInput } from '../../model/operation.ts';
import { type DurableState, otherStore, routes } from '../../model/phase.ts';
import { account } from '../../test/support/accounts.ts';
import { hostileId, soundInputs } from './sound-inputs.ts';

/** What each activity may be given; null where it takes nothing. */
export type SoundActivities = {
  readonly [A in keyof Activities]: Parameters<Activities[A]> extends []
    ? null
    : Parameters<Activities[A]>[0];
};

export function soundActivities(migration: Migration, state: DurableState): SoundActivities {
  const inputs = soundInputs(migration, state);
  const { name } = migration;
  const { primary } = routes[state.phase];
  const secondary = otherStore(primary);
  const route = { epoch: state.epoch, primary, secondary };
  const write = { ...(inputs.write as WriteInput), route };
  const { operation } = write;
  const { id, key, kind } = operation;
  const entity = account.name;
  const record = { id, entity, key };
  const journaled = { ...record, kind };
  const transaction = { id, operations: [operation] };
  const fingerprints = { legacy: ['a'], modern: ['a'] };
  const store = { store: secondary };
  const inOne = { entity };
  const all = { entities: [entity] };
  const position = { range: 0, page: 0 };
  const needs = { needs: [primary] };
  const save = { entity, kind: 'delete', key: 'a', operationId: hostileId } as const;
  return {
    acceptSave: { ...save, ack: 'both', dualWrite: true },
    acceptSaves: { items: [save], ack: 'both', dualWrite: true },
    writePrimary: write,
    writeTentative: write,
    closeAtPrimary: { operation, route },
    closeOperation: { operation, store: primary },
    parkOperation: {
      ...store,
      operationId: id,
      failure: 'StoreRefused',
      reason: 'full',
      undoing: false,
    },
    setOperationStatus: { ...store, operationId: id, status: 'completed', reason: null },
    replicateToSecondary: {
      operation: record,
      route,
      decidedBy: primary,
      version: operation.proposed,
      tentativeIn: null,
      timing: { startedAtMs: 0, tookMs: 0.5 },
    },
    writeGroupAtPrimary: { operations: [operation], route },
    replicateGroup: {
      owed: [{ ...record, decidedBy: primary }],
      route,
      timing: { startedAtMs: 0, tookMs: 0.5 },
    },
    completeOperations: { ...store, operationIds: [id] },
    undoOperation: {
      operation: journaled,
      route,
      version: operation.proposed,
      refusal: { code: 'StoreRefused', message: 'full', store: secondary },
    },
    resolveTentative: { operation: journaled, ...store },
    validateWrite: { operation: record },
    retryBacklog: { olderThanMs: 0, parked: true, ids: [id], from: { createdAtMs: 0, id } },
    undoOrphaned: { operationIds: [id] },
    completeRetried: { operationIds: [id] },
    pruneJournal: store,
    runningWorkflows: { workflowIds: [hostileId] },
    bulkResult: { workflowId: hostileId, workflowType: 'validate', startedBy: null },
    executeTransaction: { transaction, route },
    abandonTransaction: { transaction, route, reason: 'late' },
    finishTransaction: { transactionId: id, coordinator: primary, ...store },
    recoverTransactions: null,
    openRoute: { operationId: id, dualWrite: true },
    planBackfill: inOne,
    resetCheckpoints: all,
    copyRange: { ...inOne, range: 0, fingerprints, keysPerSecond: null, sliceMs: 1 },
    copyWaiting: {
      ...inOne,
      fingerprints,
      backwards: false,
      isLast: false,
      keysPerSecond: null,
      after: position,
      sliceMs: 1,
    },
    copyCircles: { ...inOne, keysPerSecond: null, after: { page: position, key: null }, sliceMs: 1 },
    catchUp: { ...inOne, after: null },
    retryRefused: inOne,
    primeSequences: inOne,
    notComparableReason: { from: null },
    recheckDifferences: inOne,
    compareSample: { ...inOne, count: 1, seed: 1 },
    compareSlice: { ...inOne, from: { stage: 'rows', after: null }, sliceMs: 1 },
    repairDifferences: { ...inOne, after: null, from: null },
    forgetSetBack: all,
    replicateCaptured: null,
    replicateOwed: null,
    checkStores: { stores: [primary], digests: { [entity]: 'a' } },
    readStates: null,
    writeState: { ...store, state, replaces: state.changeNumber },
    measureReadiness: { ...needs, primary },
    copyOutcomesAhead: { primary, epoch: state.epoch },
    drain: { primary, epoch: state.epoch },
    renameLegacyTables: all,
    restoreLegacyTables: all,
    dropLegacy: all,
    removeSchedules: null,
    reportOverdue: { phase: state.phase, deadline: '2100-01-01T00:00:00Z' },
    primeStore: store,
    lookAtFence: { ...store, migration: name },
    planStatements: { prime: null, retire: false },
    measureFaults: needs,
    measureReads: { ...needs, since: 0 },
  };
}

/** Where anything may stand that JSON has: the entity's own schema says more of it, where the entity is known. */
export function isFree(what: string): boolean {
  return /\.(image\.\w+|value|patch)\b|^input(\.items\.0)?\.key /.test(what);
}
