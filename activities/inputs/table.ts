import * as v from 'valibot';
import type { InputSchema } from '../../model/inputs/input-fault.ts';
import * as parts from '../../model/inputs/parts.ts';
import * as write from '../../model/inputs/write-inputs.ts';
import type { Activities } from '../index.ts';
import * as bulk from './bulk.ts';
import * as journal from './journal.ts';
import * as migrating from './migrating.ts';

/**
 * What each activity of a worker takes; null takes nothing. Our own workflows give nothing else. Whoever reaches Temporal can schedule
 * an activity from a workflow of their own, and one that fails for what it was given would be tried for ever.
 *
 * @param migration the worker's: it does nothing for another one
 */
export function activityInputs(migration: string): {
  readonly [A in keyof Activities]: InputSchema | null;
} {
  const own = v.object({ migration: v.literal(migration, 'is not the migration of this worker') });
  const store = v.object({ store: parts.storeName });
  const entity = v.object({ entity: parts.entityName });
  const entities = v.object({ entities: parts.entityNames });
  return {
    acceptSave: write.saveRequest,
    acceptSaves: write.saveManyRequest,
    writePrimary: v.intersect([write.writeInput, own]),
    writeTentative: v.intersect([write.writeInput, own, journal.paired]),
    closeAtPrimary: v.object({ operation: write.operation, route: write.route }),
    closeOperation: v.object({ operation: write.operation, store: parts.storeName }),
    parkOperation: journal.park,
    setOperationStatus: journal.status,
    replicateToSecondary: journal.replication,
    writeGroupAtPrimary: v.object({ operations: v.array(write.operation), route: write.route }),
    replicateGroup: journal.groupReplication,
    completeOperations: v.object({ store: parts.storeName, operationIds: journal.ids }),
    undoOperation: journal.undo,
    resolveTentative: v.object({ operation: journal.operation, store: parts.storeName }),
    validateWrite: v.object({ operation: journal.record }),
    retryBacklog: journal.retry,
    undoOrphaned: v.object({ operationIds: journal.ids }),
    completeRetried: v.object({ operationIds: journal.ids }),
    pruneJournal: store,
    runningWorkflows: v.object({ workflowIds: v.array(migrating.workflowId) }),
    bulkResult: migrating.bulkResult,
    executeTransaction: v.object({ transaction: write.transaction, route: write.route }),
    abandonTransaction: v.object({
      transaction: write.transaction,
      route: write.route,
      reason: v.string(),
    }),
    finishTransaction: v.object({
      transactionId: parts.operationId,
      coordinator: parts.storeName,
      store: parts.storeName,
    }),
    recoverTransactions: null,
    openRoute: v.object({ operationId: journal.id, dualWrite: v.boolean() }),
    planBackfill: entity,
    resetCheckpoints: v.object({ entities: v.nullable(parts.entityNames) }),
    copyRange: bulk.range,
    copyWaiting: bulk.waiting,
    copyCircles: bulk.circles,
    catchUp: v.object({ entity: parts.entityName, after: bulk.keyText }),
    retryRefused: entity,
    primeSequences: entity,
    notComparableReason: v.object({ from: v.nullable(parts.storeName) }),
    recheckDifferences: entity,
    compareSample: bulk.sample,
    compareSlice: bulk.slice,
    repairDifferences: bulk.repair,
    forgetSetBack: entities,
    replicateCaptured: null,
    replicateOwed: null,
    checkStores: migrating.storesAndDigests,
    readStates: null,
    writeState: v.intersect([migrating.stateChange, v.object({ state: own })]),
    measureReadiness: v.object({ needs: migrating.needs, primary: parts.storeName }),
    copyOutcomesAhead: migrating.closing,
    drain: migrating.closing,
    renameLegacyTables: entities,
    restoreLegacyTables: entities,
    dropLegacy: entities,
    removeSchedules: null,
    reportOverdue: v.object({ phase: migrating.phase, deadline: parts.time }),
    primeStore: store,
    lookAtFence: v.intersect([store, own]),
    planStatements: v.object({ prime: v.nullable(parts.storeName), retire: v.boolean() }),
    measureFaults: v.object({ needs: migrating.needs }),
    measureReads: v.object({ needs: migrating.needs, since: parts.count }),
  };
}
