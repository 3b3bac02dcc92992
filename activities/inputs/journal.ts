import * as v from 'valibot';
import { type AnyFailureCode, failureCodes } from '../../model/failure-codes.ts';
import * as parts from '../../model/inputs/parts.ts';
import * as write from '../../model/inputs/write-inputs.ts';
import { operationStatuses } from '../../model/operation.ts';

/** What the activities of writes and of the journal are given. */

/** As a journal has it: beside those of callers there are those of undoes and of touches. */
export const id = v.pipe(
  v.string(),
  v.minLength(1, 'is no operation id'),
  v.maxLength(200, 'is no operation id'),
);
export const ids = v.array(id);
export const record = v.object({ id, entity: parts.entityName, key: parts.key });
export const operation = v.object({
  ...record.entries,
  kind: v.pipe(v.string(), v.maxLength(20, 'is no kind')),
});

const pairedRoute = v.pipe(
  write.route,
  v.check(({ secondary }) => secondary !== null, 'has no secondary'),
);
export const paired = v.object({ route: pairedRoute });

const timing = v.nullable(v.object({ startedAtMs: v.number(), tookMs: v.number() }));

export const replication = v.object({
  operation: record,
  route: pairedRoute,
  decidedBy: parts.storeName,
  version: parts.version,
  tentativeIn: v.nullable(parts.storeName),
  timing: v.optional(timing),
});

export const groupReplication = v.object({
  owed: v.array(v.object({ ...record.entries, decidedBy: parts.storeName })),
  route: pairedRoute,
  timing,
});

const failureCode = v.picklist(Object.keys(failureCodes) as AnyFailureCode[]);

export const park = v.object({
  store: parts.storeName,
  operationId: id,
  failure: failureCode,
  reason: v.string(),
  undoing: v.boolean(),
});

export const status = v.object({
  store: parts.storeName,
  operationId: id,
  status: v.picklist(operationStatuses),
  reason: v.nullable(v.string()),
});

export const undo = v.object({
  operation,
  route: write.route,
  version: parts.version,
  refusal: v.nullable(v.object({ code: failureCode, message: v.string(), store: parts.storeName })),
  leavesTentative: v.exactOptional(v.literal(true)),
});

export const retry = v.object({
  olderThanMs: parts.milliseconds,
  parked: v.boolean(),
  ids: v.nullable(ids),
  from: v.nullable(v.object({ createdAtMs: parts.milliseconds, id })),
});
