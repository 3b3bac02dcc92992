import * as v from 'valibot';
import { operationKinds } from '../operation.ts';
import { readFaults } from '../read-counts.ts';
import { maxTransactionSize } from '../transaction.ts';
import { bulkWorks } from './bulk-results.ts';
import {
  asked,
  backfillRequest,
  previewRequest,
  rate,
  runningDefinition,
  stepRequest,
  validationRequest,
} from './migration-inputs.ts';
import * as parts from './parts.ts';
import { saveRequest } from './write-inputs.ts';

/** What the workflows' messages are. `docs/temporal.md` is written from these tables. */

type Kind = 'update' | 'signal' | 'query';

export interface Message {
  readonly kinds: readonly Kind[];
  /** A schema for each argument. */
  readonly takes: readonly v.GenericSchema[];
  /** For Temporal UI. */
  readonly description: string;
}

type Messages = Readonly<Record<string, Message>>;

const message =
  (...kinds: readonly Kind[]) =>
  (description: string, ...takes: readonly v.GenericSchema[]): Message => ({ kinds, takes, description });
const query = message('query');
const update = message('update');
/** Between our own workflows; whoever else sends it does no harm. */
const signal = message('signal');
/** What Temporal UI can send either way. A signal has no answer: what refused it is in the status. */
const command = message('update', 'signal');

const perhapsAsked = v.optional(asked);
const perhapsStep = v.optional(stepRequest);
const percent = v.number();
const paused = v.boolean();

const setPaused = signal('Holds the work between two slices, or lets it go on', paused);

const ofMigration: Messages = {
  status: query('Phase, route, progress and evidence'),
  preview: update(
    'Measures the conditions of a step and tells what it would do; changes nothing',
    previewRequest,
  ),
  advance: command('Moves to the next phase, if its gate passes', perhapsStep),
  rollback: command('Moves back to the previous phase; no acknowledged write is lost', perhapsStep),
  decommission: command(
    'Ends the migration: renames the legacy tables, which are dropped later, where the policy says so',
    perhapsStep,
  ),
  undoDecommission: command(
    'Gives the renamed legacy tables their names back, until they are dropped',
    perhapsAsked,
  ),
  cancel: command(
    'Cancels a planned step, or a change of primary whose new primary has not opened yet',
    perhapsAsked,
  ),
  pause: command('Holds bulk work, drops and changes of phase', perhapsAsked),
  resume: command('Lets bulk work, drops and changes of phase go on'),
  setReadPercent: command('Share of keys (0 to 100) whose reads go to modern, in switch-reads', percent),
  rampReads: command('Lets the share of reads go up by itself, by reads.rampSteps, in switch-reads'),
  setWritePercent: command(
    'Share of keys (0 to 100) that flag-controlled entities write to modern, in dual-write',
    percent,
  ),
  setRate: command('Keys per second that a backfill copies; null for no limit', rate),
  apply: command(
    'Makes another configuration what the migration runs by; lockstep apply sends it',
    runningDefinition,
  ),
  setDeadline: command('Moves the deadline (ISO time)', parts.time),
  startBackfill: command(
    'Restarts the backfill from its checkpoints, or else from the first key; copied rows stay. {"anew": ["order"]} begins an entity at its first key',
    v.optional(backfillRequest),
  ),
  startValidation: command(
    'Compares a sample ({"sample": 4000, "seed": 1}) or every key ({"sample": null, "seed": 1})',
    validationRequest,
  ),
  bulkWorkEnded: signal(
    'One of this kind has ended: what came of it is taken from its workflow',
    v.picklist(bulkWorks),
  ),
  reconciliationStarted: signal('A reconciliation asks whether it is to wait'),
  repairBegan: signal('A repair changes rows: earlier evidence does not speak of them'),
  readsOverBudget: signal(
    'Reads are over their budget: it is measured again, and the share goes down',
    v.object({ changeNumber: parts.count, kind: v.picklist(readFaults), reason: parts.note }),
  ),
};

const askedWrite = v.object({
  entity: parts.entityName,
  kind: v.picklist(operationKinds),
  key: parts.key,
});

const ofWrite: Messages = {
  status: query('Where the write stands'),
  acknowledged: update(
    'Answers when the write is as durable as its ack asks; fails with its failure. Refused where it is not the write that is asked for',
    v.optional(v.union([askedWrite, saveRequest])),
  ),
  resolve: command('Decides about a parked write', v.picklist(['retry', 'discard', 'compensate'])),
};

const ofGroup: Messages = {
  status: query('How many of its writes stand where'),
  acknowledged: update('Answers with all answers, in the order of the writes'),
};

export const messageTable: Readonly<Record<string, Messages>> = {
  write: ofWrite,
  save: ofWrite,
  writeGroup: ofGroup,
  saveMany: ofGroup,
  transaction: {
    status: query('Where the transaction stands'),
    acknowledged: update(
      'Answers when the transaction is as durable as its ack asks; fails with its failure. Refused where it is not the one that is asked for',
      v.optional(v.pipe(v.array(askedWrite), v.minLength(1), v.maxLength(maxTransactionSize))),
    ),
  },
  migration: ofMigration,
  backfill: {
    progress: query('Rows copied so far, speed and time left'),
    setPaused,
    setRate: signal('Keys per second that it may copy; null for no limit', rate),
  },
  validate: { setPaused },
  reconcile: { setPaused },
  replicateOwed: { owed: signal('Something was touched or written by the journal') },
};

/** What Temporal UI shows of a handler. */
export function descriptionOf(workflowType: string, name: string): string {
  return listed(workflowType, name).description;
}

/** Whether an update may be sent as a signal as well. */
export function isSignalToo(workflowType: string, name: string): boolean {
  return listed(workflowType, name).kinds.includes('signal');
}

function listed(workflowType: string, name: string): Message {
  const found = messageTable[workflowType]?.[name];
  if (found) return found;
  throw new TypeError(`no message ${name} of ${workflowType} is listed`);
}
