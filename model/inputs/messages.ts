import * as v from 'valibot';
import { readFaults } from '../read-counts.ts';
import { bulkWorks } from './bulk-results.ts';
import {
  asked,
  previewRequest,
  rate,
  runningDefinition,
  stepRequest,
  validationRequest,
} from './migration-inputs.ts';
import * as parts from './parts.ts';

/** What the workflows' messages carry, by the workflow's type and the message's name: a schema for each argument. */

const none: readonly v.GenericSchema[] = [];
const perhapsAsked = [v.optional(asked)];
const perhapsStep = [v.optional(stepRequest)];
const percent = [v.number()];
const resolution = [v.picklist(['retry', 'discard', 'compensate'])];
const paused = [v.boolean()];

export type MessageSchemas = Readonly<Record<string, readonly v.GenericSchema[]>>;

/** Updates and signals. One that is not here takes nothing. */
export const messageSchemas: Readonly<Record<string, MessageSchemas>> = {
  write: { acknowledged: none, resolve: resolution },
  writeGroup: { acknowledged: none },
  transaction: { acknowledged: none },
  save: { acknowledged: none, resolve: resolution },
  saveMany: { acknowledged: none },
  migration: {
    advance: perhapsStep,
    rollback: perhapsStep,
    decommission: perhapsStep,
    undoDecommission: perhapsAsked,
    cancel: perhapsAsked,
    preview: [previewRequest],
    pause: perhapsAsked,
    resume: none,
    setReadPercent: percent,
    rampReads: none,
    setWritePercent: percent,
    setRate: [rate],
    apply: [runningDefinition],
    setDeadline: [parts.time],
    startBackfill: none,
    startValidation: [validationRequest],
    bulkWorkEnded: [v.picklist(bulkWorks)],
    reconciliationStarted: none,
    repairBegan: none,
    readsOverBudget: [
      v.object({ changeNumber: parts.count, kind: v.picklist(readFaults), reason: parts.note }),
    ],
  },
  backfill: { setPaused: paused, setRate: [rate] },
  validate: { setPaused: paused },
  reconcile: { setPaused: paused },
  replicateOwed: { owed: none },
};
