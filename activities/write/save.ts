import { currentState } from '../../databases/contract/current-state.ts';
import { type Entity, plainPatterns } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { entityNamed } from '../../model/migration.ts';
import type { Operation, WriteInput } from '../../model/operation.ts';
import { Operations } from '../../model/operations.ts';
import { fromPlain, valueFrom } from '../../model/plain-values.ts';
import type { SaveItem, SaveManyRequest, SaveRequest } from '../../model/save.ts';
import { parseToken } from '../../model/token.ts';
import type { TransactionInput } from '../../model/transaction.ts';
import { groupInput, transactionInput, writeInput } from '../../model/workflow-inputs.ts';
import type { GroupedAnswer, GroupedWrite, WriteGroupInput } from '../../model/write-group.ts';
import type { ActivityContext } from '../context.ts';

/** A save as a service of ours would have sent it. */
export type AcceptedSave = { readonly write: WriteInput } | { readonly transaction: TransactionInput };

/** For each item its place among the writes, or why it is none. */
export type AcceptedItem = { readonly at: number } | Extract<GroupedAnswer, { status: 'failed' }>;

export interface AcceptedSaves {
  readonly items: readonly AcceptedItem[];
  readonly group: WriteGroupInput;
}

/** What a service does before it writes, for programs in other languages: schema, canonical form, key, version, route and policy. */
export function createSaveActivities(context: ActivityContext) {
  const { migration, clock } = context;

  async function acceptSave(request: SaveRequest): Promise<AcceptedSave> {
    const { entity, operation } = await operationOf(request);
    const state = await currentState(context);
    const { ack = entity.ack, dualWrite = true } = request;
    assertFlagged(entity, operation, dualWrite);
    if (entity.pattern !== 'transactional')
      return { write: writeInput(migration, { entity, operation, state }, { ack, dualWrite }) };
    const transaction = { id: operation.id, operations: [operation] };
    return { transaction: transactionInput(migration, { transaction, state }, ack) };
  }

  async function acceptSaves({
    items,
    ack = 'primary',
    dualWrite = true,
  }: SaveManyRequest): Promise<AcceptedSaves> {
    const writes: GroupedWrite[] = [];
    const accepted: AcceptedItem[] = [];
    for (const item of items) {
      try {
        const { entity, operation } = await operationOf(item);
        assertFlagged(entity, operation, dualWrite);
        assertGroupable(entity, operation);
        accepted.push({ at: writes.length });
        writes.push({ operation, pattern: entity.pattern });
      } catch (error) {
        if (!(error instanceof LockstepError)) throw error;
        const { code, message, details } = error;
        accepted.push({ status: 'failed', code, message, details });
      }
    }
    const state = await currentState(context);
    return { items: accepted, group: { ...groupInput(migration, state, { ack, dualWrite }), writes } };
  }

  async function operationOf(item: SaveItem): Promise<{ entity: Entity; operation: Operation }> {
    const entity = entityNamed(migration, item.entity);
    const { fields } = entity;
    const operations = new Operations(entity, clock);
    const { operationId: id, ifUnchangedSince } = item;
    const options = ifUnchangedSince === undefined ? {} : { ifUnchangedSince: parseToken(ifUnchangedSince) };
    const make = async () => {
      switch (item.kind) {
        case 'create':
        case 'replace':
          return await operations.whole(item.kind, fromPlain(fields, item.value), id, options);
        case 'update':
          return operations.update(keyOf(entity, item.key), fromPlain(fields, item.patch), id, options);
        case 'delete':
          return operations.delete(keyOf(entity, item.key), id, options);
      }
    };
    return { entity, operation: await make() };
  }

  return { acceptSave, acceptSaves };
}

/** A key of one field may come alone, or as the member of an object. */
function keyOf({ key, fields }: Entity, plain: unknown): unknown {
  const [only, ...others] = key;
  const declared = only === undefined ? undefined : fields[only];
  const isAlone = others.length === 0 && (typeof plain !== 'object' || plain === null);
  return declared && isAlone ? valueFrom(declared, plain) : fromPlain(fields, plain);
}

function assertFlagged({ name, pattern }: Entity, { id }: Operation, dualWrite: boolean): void {
  if (dualWrite || pattern === 'flag-controlled') return;
  throw new LockstepError(
    'InvalidRequest',
    `${name}: operation ${id} leaves the secondary out, which only flag-controlled writes may`,
    { entity: name, operationId: id, path: 'dualWrite' },
  );
}

function assertGroupable({ name, pattern }: Entity, { id }: Operation): void {
  if (plainPatterns.includes(pattern)) return;
  throw new LockstepError(
    'InvalidRequest',
    `${name}: operation ${id} has the pattern ${pattern}, whose writes share no workflow; start save for it`,
    { entity: name, operationId: id, path: 'items' },
  );
}
