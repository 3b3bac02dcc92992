import type { Store } from '../../databases/contract/store.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import type { Migration } from '../../model/migration.ts';
import { routeOf } from '../../model/operation.ts';
import type { DurableState } from '../../model/phase.ts';
import { account, bound, newAccount, refusedByModern } from '../../test/support/accounts.ts';
import type { RunningMigration } from '../../test/support/fixture.ts';
import { until } from '../../test/support/until.ts';
import type { inputSchemas } from '../../workflows/inputs.ts';
import {
  migrationWorkflowId,
  transactionWorkflowId,
  writeGroupWorkflowId,
  writeStatus,
  writeWorkflowId,
} from '../../workflows/messages.ts';
import { operationOf, soundInputs } from './sound-inputs.ts';

type WorkflowType = keyof typeof inputSchemas;

/** A workflow that stands still where it is, and what is to come of it in the end. */
export interface Waiting {
  readonly type: WorkflowType;
  /** What it waits for, for people. */
  readonly waitsFor: string;
  readonly workflowId: string;
  /** Sound messages that it takes at another time only. */
  readonly untimely: readonly (readonly [name: string, message: unknown])[];
  /** Lets it go on, and tells whether it came to what it should. */
  end(): Promise<boolean>;
}

/** Each kind of workflow, held one after the other, because some of what holds one would hold the others too. */
export function waitingWorkflows(at: RunningMigration, state: DurableState): (() => Promise<Waiting>)[] {
  const { name } = at.migration;
  const { legacy } = at.stores;
  const inputs = soundInputs(at.migration, state);
  const held = (type: WorkflowType, input: unknown, call: Call) =>
    behind(at, unanswered(at, call), { type, workflowId: `hostile/${name}/${type}`, input });
  return [
    () => parked(at, 'write'),
    () => parked(at, 'save'),
    ...(['write', 'save'] as const).map((type) => async () => {
      const operationId = `a-${type}`;
      const started = {
        type,
        workflowId: writeWorkflowId(name, operationId),
        input: under(operationId, inputs[type]),
      };
      const { end, ...waiting } = await behind(at, unavailable(at, ['modern', 'write']), started, [
        ['resolve', 'discard'],
      ]);
      const isDone = async () => (await end()) && (await statusOf(at, operationId)) === 'completed';
      return { ...waiting, end: isDone };
    }),
    ...(['writeGroup', 'saveMany'] as const).map((type) => async () => {
      const workflowId = writeGroupWorkflowId(name, type);
      const input = under(`a-write-of-${type}`, inputs[type]);
      return await behind(at, unanswered(at, ['legacy', 'setOperationStatus']), { type, workflowId, input });
    }),
    async () => {
      const workflowId = transactionWorkflowId(name, 'a-transaction');
      const input = transactionOf(at.migration, state);
      const started = { type: 'transaction', workflowId, input } as const;
      return await behind(at, unavailable(at, ['modern', 'prepareBranch']), started);
    },
    () => bySignal(at, 'backfill', inputs.backfill),
    () => bySignal(at, 'validate', inputs.validate),
    () => bySignal(at, 'reconcile', inputs.reconcile),
    () => held('recoverTransactions', inputs.recoverTransactions, ['legacy', 'preparedBranches']),
    () => held('replicateCaptured', inputs.replicateCaptured, ['legacy', 'captured']),
    () => held('replicateOwed', inputs.replicateOwed, ['legacy', 'journal']),
    () => held('retryFailedOperations', inputs.retryFailedOperations, ['legacy', 'journal']),
    () => held('pruneJournal', null, ['legacy', 'prune']),
    async () => {
      const operationId = 'left-parked';
      const { workflowId } = await parked(at, 'write', operationId);
      await at.temporal.workflow.getHandle(workflowId).terminate('a person decides without it');
      const input = { operationId, store: legacy.name, resolution: 'discard', reason: null };
      return await held('resolveParked', input, ['legacy', 'setOperationStatus']);
    },
    async () => ({
      type: 'migration',
      waitsFor: 'messages',
      workflowId: migrationWorkflowId(name),
      untimely: [
        ['setReadPercent', 50],
        ['undoDecommission', {}],
        ['decommission', {}],
        ['cancel', {}],
        ['rampReads', null],
      ],
      end: async () => (await at.lockstep.control.status()).phase === 'dual-write',
    }),
  ];
}

async function statusOf({ stores, migration }: RunningMigration, id: string): Promise<string | undefined> {
  return (await stores.legacy.journal({ migration: migration.name, ids: [id], limit: 1 }))[0]?.status;
}

async function parked(
  at: RunningMigration,
  type: 'write' | 'save',
  operationId = `hostile-${type}`,
): Promise<Waiting> {
  const { lockstep, migration, temporal } = at;
  const workflowId = writeWorkflowId(migration.name, operationId);
  const value = newAccount({ balance: refusedByModern });
  if (type === 'write') await lockstep.repository(account).create(value, { operationId });
  else
    await temporal.workflow.start('save', {
      workflowId,
      taskQueue: migration.taskQueue,
      args: [{ entity: account.name, kind: 'create', value, operationId }],
    });
  const handle = temporal.workflow.getHandle(workflowId);
  // The journal says so a moment before the workflow does, which takes no question before it has begun.
  await until('the journal has it parked', async () => (await statusOf(at, operationId)) === 'parked');
  await until('the write is parked', async () => (await handle.query(writeStatus)).stage === 'parked');
  return {
    type,
    waitsFor: 'a person',
    workflowId,
    untimely: [],
    async end() {
      await handle.executeUpdate('resolve', { args: ['discard'] });
      await handle.result();
      return (await statusOf(at, operationId)) === 'discarded';
    },
  };
}

/** A sound input of one write, with another operation. */
function under(operationId: string, sound: unknown): object {
  const operation = operationOf(account, operationId);
  const item = { entity: account.name, kind: 'create', value: newAccount(), operationId };
  const input = sound as { writes?: unknown; items?: unknown; operation?: unknown };
  if (input.writes) return { ...input, writes: [{ operation, pattern: account.pattern }] };
  if (input.items) return { ...input, items: [item] };
  return input.operation ? { ...input, operation } : { ...input, ...item };
}

function transactionOf(migration: Migration, state: DurableState): object {
  const operation = operationOf(bound, 'a-transaction');
  const { transaction: sound } = soundInputs(migration, state);
  const transaction = { id: operation.id, operations: [operation] };
  return { ...(sound as object), transaction, route: routeOf(state) };
}

/** A call of a store. */
type Call = readonly [store: StoreName, method: keyof Store];

interface Hold {
  readonly waitsFor: string;
  /** Resolves when the workflow has come so far. */
  reached(): Promise<void>;
  leave(): void;
}

function unanswered({ gates }: RunningMigration, [store, method]: Call): Hold {
  const gate = gates.close(store, method);
  return {
    waitsFor: `${method} of ${store}`,
    reached: () => gate.waiting(),
    leave: () => gate.open(),
  };
}

/** For what has another attempt, which a gate would let through when its time is over. */
function unavailable({ faults }: RunningMigration, [store, method]: Call): Hold {
  let attempts = 0;
  const refuse = async () => {
    attempts += 1;
    throw new LockstepError('StoreUnavailable', 'a proof has it take nothing', { store });
  };
  Object.assign(faults[store], { [method]: refuse });
  return {
    waitsFor: `the ${store} store`,
    reached: async () => void (await until('it is tried again', async () => attempts > 1)),
    leave: () => void Reflect.deleteProperty(faults[store], method),
  };
}

interface Started {
  readonly type: WorkflowType;
  readonly workflowId: string;
  readonly input: unknown;
}

async function behind(
  at: RunningMigration,
  { waitsFor, reached, leave }: Hold,
  { type, workflowId, input }: Started,
  untimely: Waiting['untimely'] = [],
): Promise<Waiting> {
  const args = input === null ? [] : [input];
  await at.temporal.workflow.start(type, { workflowId, taskQueue: at.migration.taskQueue, args });
  await reached();
  return {
    type,
    waitsFor,
    workflowId,
    untimely,
    async end() {
      leave();
      return await isCompleted(at, workflowId);
    },
  };
}

async function bySignal(
  at: RunningMigration,
  type: 'backfill' | 'validate' | 'reconcile',
  input: unknown,
): Promise<Waiting> {
  const { migration, temporal } = at;
  const workflowId = `hostile/${migration.name}/${type}`;
  await temporal.workflow.signalWithStart(type, {
    workflowId,
    taskQueue: migration.taskQueue,
    args: [{ ...(input as object), ...(type === 'backfill' && { paused: true }) }],
    signal: 'setPaused',
    signalArgs: [true],
  });
  return {
    type,
    waitsFor: 'a signal',
    workflowId,
    untimely: [],
    async end() {
      await temporal.workflow.getHandle(workflowId).signal('setPaused', false);
      return await isCompleted(at, workflowId);
    },
  };
}

async function isCompleted({ temporal }: RunningMigration, workflowId: string): Promise<boolean> {
  const handle = temporal.workflow.getHandle(workflowId);
  await handle.result().catch(() => undefined);
  return (await handle.describe()).status.name === 'COMPLETED';
}
