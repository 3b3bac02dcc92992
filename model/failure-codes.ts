/** Who is shown a failure: a service at its own calls, an operator at a command or in Temporal UI. */
type Audience = 'service' | 'operator';

/** What a code stands for. `docs/errors.md` is written from these tables. */
export interface FailureMeaning {
  /** Whether the same call, sent again as it is, may succeed later. */
  readonly retryable: boolean;
  readonly seenBy: readonly Audience[];
  readonly meaning: string;
  readonly remedy: string;
}

/** Codes that callers meet. */
export const callerFailures = {
  InvalidDefinition: {
    retryable: false,
    seenBy: ['service', 'operator'],
    meaning:
      'The configuration is wrong, or does not fit the tables or the environment; `path` says where. It is also what a backfill says whose tables were altered.',
    remedy: 'Correct what the message names, run `lockstep prepare`, and restart services and workers.',
  },
  NotPrepared: {
    retryable: false,
    seenBy: ['service', 'operator'],
    meaning:
      'A store lacks the control tables or write routines of this definition, or a setting that transactions need.',
    remedy: 'Run `lockstep prepare`; `lockstep doctor` says what is missing.',
  },
  DefinitionChanged: {
    retryable: true,
    seenBy: ['service', 'operator'],
    meaning:
      'A store is prepared for another definition than that of this process. Nothing was written. `measured` has the revision that the store has, and `known`, the revision of this process, where the store knows it.',
    remedy:
      'If this process is behind, restart it with the new definition. If it is ahead, run `lockstep prepare`. A worker of the prepared definition takes the work.',
  },
  StoreUnavailable: {
    retryable: true,
    seenBy: ['service', 'operator'],
    meaning:
      'A store does not answer, does not let this process in (its account, password or database), or takes nothing for now: disk full, read-only, out of memory or connections, a lock that is held. From a write: it was given up, and nothing was written.',
    remedy:
      'Bring the server back, or correct or free what the message names. Send a write that was given up again, under a new operation id.',
  },
  TemporalUnavailable: {
    retryable: true,
    seenBy: ['service', 'operator'],
    meaning:
      'Temporal does not answer at the configured address, or takes nothing from this account. Nothing was started.',
    remedy: 'Start Temporal, or correct `TEMPORAL_ADDRESS`, key or certificate. The stores are not involved.',
  },
  Overloaded: {
    retryable: true,
    seenBy: ['service'],
    meaning:
      'A write did not get its turn: more writes wait in this process than `write.maxWaiting` allows, its time was over before those in front of it were answered, or more is owed to the other store than `write.maxOwed` allows. Nothing was started. `measured` has how many wait, or are owed.',
    remedy: 'Wait for `lockstep.whenReady()`, then send it again; `lockstep.writeMany` waits by itself.',
  },
  UnknownEntity: {
    retryable: false,
    seenBy: ['service', 'operator'],
    meaning: 'The migration has no entity of this name.',
    remedy: 'Use a declared entity, or declare it. Workers and services must run the same definition.',
  },
  InvalidEntity: {
    retryable: false,
    seenBy: ['service'],
    meaning:
      'A value does not satisfy the schema or its fields, a patch changes the key, or a stored row is no such entity; `path` says where. Nothing was written.',
    remedy:
      'Correct the value, or the row that the message names, and send the write under a new operation id: under this one it stays refused.',
  },
  InvalidKey: {
    retryable: false,
    seenBy: ['service'],
    meaning: 'A key is incomplete, or no value of its fields.',
    remedy: 'Pass every key field; a key that comes from outside is to be refused there.',
  },
  InvalidToken: {
    retryable: false,
    seenBy: ['service'],
    meaning: 'A token was not made by Lockstep.',
    remedy: 'Pass the token of a receipt or of a read, unchanged.',
  },
  InvalidOperationId: {
    retryable: false,
    seenBy: ['service'],
    meaning: 'An operation id is empty, too long, or has characters that are not allowed.',
    remedy: 'Use 1 to 160 characters of `A–Z a–z 0–9 _ . : @ -`.',
  },
  InvalidTransaction: {
    retryable: false,
    seenBy: ['service'],
    meaning:
      'A transaction is empty, names a record twice, or has an entity whose pattern is not `transactional`. Or what a touch was given as the transaction runs no statement, or does not give its result.',
    remedy:
      'Give each record one item, and each entity the pattern `transactional`. Pass a touch a client of `pg`, a connection of `mysql2`, or a function that runs a statement and gives what the driver gives.',
  },
  NotPrimary: {
    retryable: true,
    seenBy: ['service'],
    meaning:
      'A touch in a transaction of another store than the primary, while the primary is being changed, or while a change of the route, of a share too, waits for other transactions. The transaction must not commit, and in PostgreSQL cannot.',
    remedy:
      'Roll back, and run the transaction again in the store that `lockstep.primary()` gives, which waits for the end of a change.',
  },
  NotInTransaction: {
    retryable: false,
    seenBy: ['service'],
    meaning: 'A touch outside a transaction. Nothing was touched.',
    remedy: 'Begin a transaction, and touch, write and commit on its one connection, not on a pool.',
  },
  TooLarge: {
    retryable: false,
    seenBy: ['service'],
    meaning:
      'A write is larger than Temporal takes, or a transaction or touch has too many items. Nothing was written.',
    remedy: 'Split it, or keep large values elsewhere.',
  },
  OperationIdTaken: {
    retryable: false,
    seenBy: ['service'],
    meaning:
      'The operation id was used by another write: of another record, of another kind, or of another migration. Nothing was written.',
    remedy:
      'Send each write, and each transaction, under an id of its own; only a repeat has that of its first try.',
  },
  AlreadyExists: {
    retryable: false,
    seenBy: ['service'],
    meaning: 'A create found a record with its key. Nothing was written.',
    remedy: 'Use `replace` or `update`, or another key.',
  },
  NotFound: {
    retryable: false,
    seenBy: ['service'],
    meaning: 'An update or delete found no record with its key. Nothing was written.',
    remedy: 'Use `create` or `replace`.',
  },
  VersionConflict: {
    retryable: false,
    seenBy: ['service'],
    meaning: 'The record is not at the expected version: somebody has written since. Nothing was written.',
    remedy: 'Read the record again and decide anew.',
  },
  StoreRefused: {
    retryable: false,
    seenBy: ['service', 'operator'],
    meaning:
      'A store refused for good; nothing was written, or it was undone. `about` says whether it is the row, its size, a trigger, the schema or the grants, and `violation` which rule a row broke.',
    remedy:
      'By `violation`: correct the row. By `about`: correct the trigger, the schema or the grants that the message names. Then send the write under a new operation id: under this one it stays refused.',
  },
  LossyShape: {
    retryable: false,
    seenBy: ['service'],
    meaning:
      "A store holds rows of the record that the shape's functions do not give back: the write would erase what the message names. Nothing was written, or it was undone.",
    remedy:
      "Correct the rows, or let the shape hold what the message names (and raise its `revision`); where it may be erased, say `lossy: 'allow'` on the shape. Then send the write under a new operation id: under this one it stays refused.",
  },
  Aborted: {
    retryable: false,
    seenBy: ['service'],
    meaning: 'The operation was closed before it took effect. Nothing was written.',
    remedy: 'Send it again under a new operation id.',
  },
  Compensated: {
    retryable: false,
    seenBy: ['service'],
    meaning: 'The write took effect and was undone.',
    remedy: 'Send it again under a new operation id, if it is still wanted.',
  },
  CompensationFailed: {
    retryable: false,
    seenBy: ['service', 'operator'],
    meaning: 'A write that one store refused could not be undone in the other: the stores differ.',
    remedy:
      'An operator decides with `lockstep writes`, or `lockstep reconcile --repair` brings both together.',
  },
  Parked: {
    retryable: false,
    seenBy: ['service'],
    meaning: 'The write is in one store, and waits for an operator because the other refused it.',
    remedy: 'Do not send it again: `lockstep writes show ID`, then `retry`, `discard` or `compensate`.',
  },
  OutcomeUnknown: {
    retryable: true,
    seenBy: ['service'],
    meaning: 'No answer came in time. The write may still take effect.',
    remedy:
      'Send it again under the same operation id, which is safe, or look with `lockstep writes show ID`.',
  },
  StaleRead: {
    retryable: true,
    seenBy: ['service'],
    meaning: 'No store that answers has the version that the token asks for.',
    remedy: 'Read again in a moment.',
  },
  UnknownOperation: {
    retryable: false,
    seenBy: ['operator'],
    meaning: 'Neither journal knows the operation.',
    remedy: 'Check the id; completed operations are pruned after `journal.retentionMs`.',
  },
  InvalidControlRow: {
    retryable: false,
    seenBy: ['service', 'operator'],
    meaning:
      'A row of a control table is not as Lockstep writes it: somebody else has changed it, or it was damaged. `reason` says which table, and what is wrong; nothing acts on such a row. A write whose own journal row it is may have taken effect.',
    remedy:
      'See who has written the row, and correct or delete it; then try again. Checkpoints of a backfill are begun anew: `lockstep backfill --anew ENTITY`.',
  },
  InvalidRequest: {
    retryable: false,
    seenBy: ['service', 'operator'],
    meaning:
      'What was sent to a workflow is not what it takes; `path` says where. Nothing was done. Services and commands of the same version never send it.',
    remedy:
      'Correct what starts the workflow or signals it. If it is a service of ours, give it the version of the worker.',
  },
  InvalidInput: {
    retryable: false,
    seenBy: ['service', 'operator'],
    meaning:
      'An argument of a command or a message, or an option of `connect`, of a read or of a write, is none that there is or no such value, or a confirmation is missing.',
    remedy: 'Pass what the message describes.',
  },
  GateRefused: {
    retryable: false,
    seenBy: ['operator'],
    meaning:
      'The migration is not ready for this step, or its phase does not allow it. `gate` says which gate, `measured` what it measured.',
    remedy: 'Do what the message says, then try again.',
  },
  AlreadyRunning: {
    retryable: false,
    seenBy: ['operator'],
    meaning: 'What was to be started runs already: migration, backfill, validation, reconciliation or retry.',
    remedy: 'Wait for it; `lockstep status` shows it.',
  },
  NotRunning: {
    retryable: false,
    seenBy: ['operator'],
    meaning: 'Temporal knows no running workflow of this migration or operation.',
    remedy: 'Start the migration with `lockstep start`; for an operation use `lockstep journal retry`.',
  },
  NoWorker: {
    retryable: true,
    seenBy: ['operator'],
    meaning: 'No worker answers for the migration: none runs, or it cannot reach Temporal.',
    remedy: 'Start a worker with `lockstep worker`, or look at the ones that run; then try again.',
  },
  NotParked: {
    retryable: false,
    seenBy: ['operator'],
    meaning: 'A decision was sent to a write that does not wait for one.',
    remedy: 'Look with `lockstep writes show ID`; only a parked write takes a decision.',
  },
  Unexpected: {
    retryable: false,
    seenBy: ['operator'],
    meaning: 'A step failed for a reason that has no code of its own.',
    remedy: 'Read the message and the workflow in Temporal UI; then try again.',
  },
} as const satisfies Record<string, FailureMeaning>;

/** Codes that stores, activities and workflows exchange. A caller gets what comes of them: an answer, or a code from above. */
export const innerFailures = {
  UniqueConflict: {
    retryable: true,
    seenBy: [],
    meaning: 'Another row has the value of a unique key.',
    remedy:
      'At the primary it becomes `StoreRefused`. The secondary tries again, because the other row may be about to change; then the write is parked.',
  },
  ForeignKeyConflict: {
    retryable: true,
    seenBy: [],
    meaning: 'A parent row is missing, or a child row still refers to the row.',
    remedy:
      'At the primary it becomes `StoreRefused`. The secondary tries again, because the other row may be on its way; then the write is parked.',
  },
  Fenced: {
    retryable: true,
    seenBy: [],
    meaning: 'The route has changed: the store takes nothing under this epoch any more.',
    remedy: 'The work is done again under the new route.',
  },
  WriteConflict: {
    retryable: true,
    seenBy: [],
    meaning: 'A record kept changing while a new image of it was computed.',
    remedy: 'The work is tried again.',
  },
} as const satisfies Record<string, FailureMeaning>;

/** What callers meet and may branch on. */
export type FailureCode = keyof typeof callerFailures;
/** What stays inside, in journals and in metrics. */
export type InnerFailureCode = keyof typeof innerFailures;
export type AnyFailureCode = FailureCode | InnerFailureCode;

export const failureCodes: Readonly<Record<AnyFailureCode, FailureMeaning>> = {
  ...callerFailures,
  ...innerFailures,
};

export function isFailureCode(value: unknown): value is AnyFailureCode {
  return typeof value === 'string' && Object.hasOwn(failureCodes, value);
}
