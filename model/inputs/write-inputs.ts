import * as v from 'valibot';
import { acks, patterns } from '../entity.ts';
import { operationKinds } from '../operation.ts';
import { maxSaveMany, type SaveItem } from '../save.ts';
import { maxTransactionSize } from '../transaction.ts';
import { versioned } from './input-version.ts';
import * as parts from './parts.ts';

/** What the workflows of writes are started with. */

const definition = v.pipe(v.string(), v.maxLength(128, 'is no digest of a definition'));

export const operation = v.pipe(
  v.object({
    id: parts.operationId,
    entity: parts.entityName,
    kind: v.picklist(operationKinds),
    key: parts.key,
    image: v.nullable(parts.image),
    proposed: parts.version,
    definition,
    expectedVersion: v.nullable(parts.version),
  }),
  v.check(({ kind, image }) => kind !== 'delete' || image === null, 'is a delete, which has no image'),
);

export const route = v.pipe(
  v.object({
    epoch: parts.positive,
    primary: parts.storeName,
    secondary: v.nullable(parts.storeName),
  }),
  v.check(({ primary, secondary }) => primary !== secondary, 'has one store twice'),
);

const writePolicy = v.object({
  primaryGiveUpMs: parts.milliseconds,
  secondaryRetryMs: parts.milliseconds,
  secondaryRetryMaxMs: parts.milliseconds,
  conflictAttempts: parts.positive,
  journalRetentionMs: parts.milliseconds,
});

const common = {
  ...versioned,
  migration: parts.migrationName,
  ack: v.picklist(acks),
  route,
  dualWrite: v.boolean(),
  policy: writePolicy,
};

const pattern = v.picklist(patterns);

export const writeInput = v.pipe(
  v.object({
    ...common,
    operation,
    pattern,
    decided: v.exactOptional(parts.version),
    validateAfterMs: v.nullable(parts.milliseconds),
  }),
  v.check(
    ({ operation: { kind, image }, decided }) => decided !== undefined || kind === 'delete' || image !== null,
    'has no image, which only a delete or a write that is decided may lack',
  ),
);

const decidedWrites = v.object({
  entity: parts.entityName,
  pattern,
  definition,
  writes: v.array(
    v.object({
      id: parts.operationId,
      kind: v.picklist(operationKinds),
      key: parts.key,
      version: parts.version,
    }),
  ),
});

export const writeGroupInput = v.pipe(
  v.object({
    ...common,
    writes: v.array(v.object({ operation, pattern })),
    decided: v.exactOptional(v.array(decidedWrites)),
  }),
  v.check(
    ({ writes, decided = [] }) =>
      writes.length + decided.reduce((sum, own) => sum + own.writes.length, 0) > 0,
    'has no write',
  ),
);

export const transaction = v.object({
  id: parts.operationId,
  operations: v.pipe(
    v.array(operation),
    v.minLength(1, 'has no operation'),
    v.maxLength(maxTransactionSize, `has more than ${maxTransactionSize} operations`),
  ),
});

export const transactionInput = v.object({
  ...versioned,
  migration: parts.migrationName,
  transaction,
  ack: v.picklist(acks),
  route,
  policy: v.pick(writePolicy, ['primaryGiveUpMs', 'journalRetentionMs']),
});

/** The content of a save is checked in the worker, which has its schema. */
const saveItem = {
  entity: parts.entityName,
  kind: v.picklist(operationKinds),
  value: v.optional(v.unknown()),
  key: v.optional(v.unknown()),
  patch: v.optional(v.unknown()),
  operationId: parts.ownOperationId,
  ifUnchangedSince: v.optional(v.string()),
};
const saveGiven = { ack: v.optional(v.picklist(acks)), dualWrite: v.optional(v.boolean()) };
const hasContent = ({ kind, value, key, patch }: Pick<SaveItem, 'kind' | 'value' | 'key' | 'patch'>) => {
  const isWhole = kind === 'create' || kind === 'replace';
  const isGiven = [value, key, patch].map((content) => content !== undefined);
  return [isWhole, !isWhole, kind === 'update'].every((wanted, at) => wanted === isGiven[at]);
};
const otherContent =
  'has other content than its kind: create and replace take value, update takes key and patch, delete takes key';

export const saveRequest = v.pipe(
  v.strictObject({ ...versioned, ...saveItem, ...saveGiven }),
  v.check((item) => hasContent(item), otherContent),
);

export const saveManyRequest = v.strictObject({
  ...versioned,
  ...saveGiven,
  items: v.pipe(
    v.array(
      v.pipe(
        v.strictObject(saveItem),
        v.check((item) => hasContent(item), otherContent),
      ),
    ),
    v.minLength(1, 'has no item'),
    v.maxLength(maxSaveMany, `has more than ${maxSaveMany} items`),
  ),
});
