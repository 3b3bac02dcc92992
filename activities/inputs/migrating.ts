import * as v from 'valibot';
import * as parts from '../../model/inputs/parts.ts';
import { phases } from '../../model/phase.ts';

/** What the activities of a migration's steps are given. */

const stores = v.pipe(v.array(parts.storeName), v.maxLength(2, 'has more than two stores'));
const percent = v.pipe(v.number(), v.minValue(0, 'is below 0'), v.maxValue(100, 'is above 100'));

export const phase = v.picklist(phases);
export const needs = stores;

export const storesAndDigests = v.object({
  stores,
  digests: v.exactOptional(v.record(v.string(), v.string())),
});

export const stateChange = v.object({
  store: parts.storeName,
  state: v.object({
    migration: parts.migrationName,
    phase,
    epoch: parts.positive,
    changeNumber: parts.count,
    open: v.boolean(),
    readPercent: percent,
    writePercent: percent,
  }),
  replaces: v.exactOptional(parts.count),
});

/** A change of primary, before it opens the other store. */
export const closing = v.object({ primary: parts.storeName, epoch: parts.positive });

export const workflowId = v.pipe(v.string(), v.maxLength(1_000, 'is no id of a workflow'));

export const bulkResult = v.object({
  workflowId,
  workflowType: v.picklist(['backfill', 'validate', 'reconcile']),
  startedBy: v.nullable(workflowId),
});
