import { type Fault, throwFaults } from './definition-fault.ts';
import type { Entity } from './entity.ts';
import { LockstepError, type StoreName } from './failure.ts';
import { isObject } from './is-object.ts';
import { markMigration } from './origin.ts';
import type { Policy } from './policy.ts';
import { policyOf, type Settings } from './settings.ts';
import { settingsFaults } from './settings-faults.ts';

/** One move of some entities from the legacy store to the modern one, as declared in `lockstep.config.ts`. */
export interface Migration {
  readonly name: string;
  readonly entities: readonly Entity[];
  readonly stores: Readonly<Record<StoreName, StoreOptions>>;
  readonly policy: Policy;
  readonly taskQueue: string;
  readonly onOverdue: OnOverdue | null;
}

type OnOverdue = (overdue: { migration: string; phase: string; deadline: string }) => Promise<void>;

/** How a store is reached. */
export interface StoreOptions {
  /** The environment variable that holds the connection string; see [servers](servers.md) for its TLS. @default 'LOCKSTEP_LEGACY_URL' or 'LOCKSTEP_MODERN_URL' */
  readonly urlFrom: string;
  /** The most connections at a time, for each process. @default 10 */
  readonly poolSize: number;
  /** How long to wait for a connection. @default 10_000 */
  readonly connectTimeoutMs: number;
  /** How long a statement may take. @default 30_000 */
  readonly statementTimeoutMs: number;
}

/** What applies to a store where a migration says nothing. */
export const defaultStores = {
  legacy: {
    urlFrom: 'LOCKSTEP_LEGACY_URL',
    poolSize: 10,
    connectTimeoutMs: 10_000,
    statementTimeoutMs: 30_000,
  },
  modern: {
    urlFrom: 'LOCKSTEP_MODERN_URL',
    poolSize: 10,
    connectTimeoutMs: 10_000,
    statementTimeoutMs: 30_000,
  },
} as const satisfies Record<StoreName, StoreOptions>;

export interface MigrationOptions extends Settings {
  /** Lower-case letters, digits and dashes: it becomes part of workflow ids and of the task queue. */
  readonly name: string;
  /** What is moved. Shared records come with the entities that hold them. */
  readonly entities: readonly Entity[];
  /** ISO time, required: a migration without an end does not end. */
  readonly deadline: string;
  readonly legacy?: Partial<StoreOptions>;
  readonly modern?: Partial<StoreOptions>;
  /** Of Temporal. @default 'lockstep-' and the name */
  readonly taskQueue?: string;
  /** Called by a worker where the deadline has passed. @default none */
  readonly onOverdue?: OnOverdue | null;
}

/**
 * Declares a migration.
 *
 * @throws LockstepError `InvalidDefinition`, which lists all that is wrong with it and with its entities, each with its path.
 * @example
 * export default defineMigration({
 *   name: 'accounts', entities: [account], deadline: '2030-01-31T00:00:00Z', backfill: { parallel: 4 },
 * });
 */
export function defineMigration(options: MigrationOptions): Migration {
  throwFaults(formFaults(options));
  const { name, entities, deadline } = options;
  throwFaults([...migrationFaults(options), ...entities.flatMap((declared) => declared.faults)]);
  return markMigration({
    name,
    entities,
    stores: {
      legacy: { ...defaultStores.legacy, ...options.legacy },
      modern: { ...defaultStores.modern, ...options.modern },
    },
    policy: policyOf(deadline, options),
    taskQueue: options.taskQueue ?? `lockstep-${name}`,
    onOverdue: options.onOverdue ?? null,
  });
}

/** Types are no check: a configuration may be in JavaScript. */
function formFaults(options: unknown): Fault[] {
  if (!isObject(options)) return [{ path: 'migration', reason: 'must be an object' }];
  const { name, entities, deadline }: Partial<Record<keyof MigrationOptions, unknown>> = options;
  const texts = Object.entries({ name, deadline });
  return [
    ...texts.flatMap(([path, value]) =>
      typeof value === 'string' ? [] : [{ path: `migration.${path}`, reason: 'must be a text' }],
    ),
    ...(Array.isArray(entities)
      ? entities.flatMap((one: unknown, at) =>
          isObject(one) && 'faults' in one && 'shapes' in one
            ? []
            : [{ path: `migration.entities.${at}`, reason: 'is no entity; declare it with entity({ … })' }],
        )
      : [{ path: 'migration.entities', reason: 'must be a list of entities' }]),
  ];
}

function migrationFaults(options: MigrationOptions): Fault[] {
  const { name, entities, deadline, legacy = {}, modern = {} } = options;
  const faults = settingsFaults(options);
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name))
    faults.push({ path: 'name', reason: `"${name}" must match [a-z][a-z0-9-]*, at most 40 characters` });
  if (entities.length === 0)
    faults.push({ path: 'entities', reason: 'a migration moves at least one entity' });
  const names = entities.map((declared) => declared.name);
  for (const twice of new Set(names.filter((one, index) => names.indexOf(one) !== index)))
    faults.push({ path: 'entities', reason: `"${twice}" is declared twice` });
  if (Number.isNaN(Date.parse(deadline))) {
    const reason = `"${deadline}" is not an ISO time such as 2027-03-31T00:00:00Z`;
    faults.push({ path: 'deadline', reason });
  }
  for (const [store, given] of Object.entries({ legacy, modern })) {
    for (const [option, least] of [
      ['poolSize', 1],
      ['connectTimeoutMs', 0],
      ['statementTimeoutMs', 0],
    ] as const) {
      const value = given[option];
      if (value === undefined || (value >= least && Number.isFinite(value))) continue;
      faults.push({ path: `${store}.${option}`, reason: `${value} must be a number of at least ${least}` });
    }
  }
  return faults.map(({ path, reason }) => ({ path: `migration.${path}`, reason }));
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
