import type { Entity } from './entity.ts';
import { LockstepError, type StoreName } from './failure.ts';
import { markMigration } from './origin.ts';

/** One move of some entities from the legacy store to the modern one, as declared in `lockstep.config.ts`. */
export interface Migration {
  readonly name: string;
  readonly entities: readonly Entity[];
  readonly stores: Readonly<Record<StoreName, StoreOptions>>;
  readonly policy: Policy;
  readonly taskQueue: string;
  readonly onOverdue:
    | ((overdue: { migration: string; phase: string; deadline: string }) => Promise<void>)
    | null;
}

export interface StoreOptions {
  /** The environment variable that holds the connection string. */
  readonly urlFrom: string;
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  /** Trusted certificate authority, PEM, where the URL asks for TLS; null takes the system's. */
  readonly tlsCaFile: string | null;
}

/** Numbers that govern a migration. Times are in milliseconds. */
export interface Policy {
  /** ISO time by which the migration should be over; it shows everywhere when it is not. */
  readonly deadline: string;
  /** How long a caller waits before it is told `OutcomeUnknown`; the write goes on. */
  readonly callerTimeoutMs: number;
  /** How long the primary is tried before the operation is closed as aborted. */
  readonly primaryGiveUpMs: number;
  /** First and longest pause between tries of the secondary, which go on until it accepts or refuses. */
  readonly secondaryRetryMs: number;
  readonly secondaryRetryMaxMs: number;
  /** How often a unique conflict on the secondary is tried again before the write is parked. */
  readonly conflictAttempts: number;
  /** How long a transaction may be prepared and undecided before it is rolled back. */
  readonly inDoubtMs: number;
  /** How long writes may wait while the primary changes, before the old one opens again. */
  readonly drainLimitMs: number;
  /** How long all reads must have been modern before legacy may stop. */
  readonly soakMs: number;
  /** How old the evidence of a validation may be when reads are switched. */
  readonly evidenceMaxAgeMs: number;
  /** Default size of a validation sample, in keys. */
  readonly sampleSize: number;
  /** How long an unequal pair is given to settle before it is looked at again. */
  readonly settleMs: number;
  /** Key ranges copied at the same time, and the most keys in one chunk, which takes about half a second. */
  readonly backfillParallel: number;
  readonly backfillChunk: number;
  /** How many times as long live writes may take while rows are copied, before the copy gives way; 0 never does. */
  readonly backfillSlowdown: number;
  /** Share (0…1) of writes that are read back from both stores, how long after the write, and whether what is found altered is repaired. */
  readonly validateShare: number;
  readonly validateDelayMs: number;
  readonly validateRepair: boolean;
  /**
   * How long the journal remembers operations that are settled: for this long an operation may be sent again under its id.
   * At least an hour. What is owed, parked or discarded is kept.
   */
  readonly journalRetentionMs: number;
  /** How often owed operations are looked for whose workflow is gone, and how long they must have been owed; 0 never looks. */
  readonly journalRetryEveryMs: number;
  readonly journalRetryAfterMs: number;
  /** How often the journal is pruned; 0 never does. */
  readonly journalPruneEveryMs: number;
  /** After how long the renamed legacy tables are dropped; null keeps them for a person to drop. */
  readonly dropLegacyAfterMs: number | null;
}

const defaultPolicy: Omit<Policy, 'deadline'> = {
  callerTimeoutMs: 30_000,
  primaryGiveUpMs: 60_000,
  secondaryRetryMs: 500,
  secondaryRetryMaxMs: 30_000,
  conflictAttempts: 10,
  inDoubtMs: 30_000,
  drainLimitMs: 20_000,
  soakMs: 3_600_000,
  evidenceMaxAgeMs: 24 * 3_600_000,
  sampleSize: 1_000,
  settleMs: 2_000,
  backfillParallel: 2,
  validateShare: 0,
  validateDelayMs: 5_000,
  validateRepair: false,
  journalRetentionMs: 7 * 24 * 3_600_000,
  journalRetryEveryMs: 60_000,
  journalRetryAfterMs: 60_000,
  journalPruneEveryMs: 3_600_000,
  backfillChunk: 50_000,
  backfillSlowdown: 1.5,
  dropLegacyAfterMs: null,
};

/** No try of an operation outlives it by so much that the journal's entry would be missed. */
const leastRetentionMs = 3_600_000;

const defaultStore: Omit<StoreOptions, 'urlFrom'> = {
  poolSize: 10,
  connectTimeoutMs: 10_000,
  statementTimeoutMs: 30_000,
  tlsCaFile: null,
};

export interface MigrationOptions {
  /** Lower-case letters, digits and dashes: it becomes part of workflow ids and of the task queue. */
  name: string;
  entities: readonly Entity[];
  /** ISO time, required: a migration without an end does not end. */
  deadline: string;
  legacy?: Partial<StoreOptions>;
  modern?: Partial<StoreOptions>;
  policy?: Partial<Omit<Policy, 'deadline'>>;
  taskQueue?: string;
  onOverdue?: Migration['onOverdue'];
}

/** Declares a migration. Throws `InvalidDefinition` with the path of what is wrong. */
export function defineMigration(options: MigrationOptions): Migration {
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(options.name)) {
    throw invalid('name', `"${options.name}" must match [a-z][a-z0-9-]*, at most 40 characters`);
  }
  if (options.entities.length === 0) throw invalid('entities', 'a migration moves at least one entity');
  const names = options.entities.map((declared) => declared.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid('entities', `"${twice}" is declared twice`);
  if (Number.isNaN(Date.parse(options.deadline))) {
    throw invalid('deadline', `"${options.deadline}" is not an ISO time such as 2027-03-31T00:00:00Z`);
  }
  const policy = { ...defaultPolicy, ...options.policy, deadline: options.deadline };
  for (const [name, value] of Object.entries(policy)) {
    if (typeof value === 'number' && !(value >= 0 && Number.isFinite(value))) {
      throw invalid(`policy.${name}`, `${value} must be a number that is not negative`);
    }
  }
  if (policy.validateShare > 1) {
    throw invalid('policy.validateShare', `${policy.validateShare} must be a share from 0 to 1`);
  }
  if (policy.journalRetentionMs < leastRetentionMs) {
    throw invalid(
      'policy.journalRetentionMs',
      `${policy.journalRetentionMs} must be at least ${leastRetentionMs}: a late try of an operation must still find it`,
    );
  }
  return markMigration({
    name: options.name,
    entities: options.entities,
    stores: {
      legacy: { ...defaultStore, urlFrom: 'LOCKSTEP_LEGACY_URL', ...options.legacy },
      modern: { ...defaultStore, urlFrom: 'LOCKSTEP_MODERN_URL', ...options.modern },
    },
    policy,
    taskQueue: options.taskQueue ?? `lockstep-${options.name}`,
    onOverdue: options.onOverdue ?? null,
  });
}

export function hasTransactions({ entities }: Migration): boolean {
  return entities.some(({ pattern }) => pattern === 'transactional');
}

export function entityNamed(migration: Migration, name: string): Entity {
  const found = migration.entities.find((declared) => declared.name === name);
  if (found) return found;
  const known = migration.entities.map((declared) => declared.name).join(', ');
  throw new LockstepError(
    'UnknownEntity',
    `"${name}" is no entity of migration ${migration.name}; it has ${known}`,
    {
      entity: name,
      remedy: 'use one of the declared entities, or declare it in lockstep.config.ts',
    },
  );
}

function invalid(path: string, why: string): LockstepError {
  return new LockstepError('InvalidDefinition', `migration.${path}: ${why}`, { path: `migration.${path}` });
}
