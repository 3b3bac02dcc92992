import { type Fault, throwFaults } from './definition-fault.ts';
import type { Entity } from './entity.ts';
import { LockstepError, type StoreName } from './failure.ts';
import { instantExample, instantOf } from './instant.ts';
import { isObject } from './is-object.ts';
import { optionFaults, unless } from './option-faults.ts';
import { markMigration } from './origin.ts';
import type { Policy } from './policy.ts';
import { defaultSettings, policyOf, type Settings } from './settings.ts';
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
  /** ISO time with its offset, required: a migration without an end does not end. */
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
    stores: storesOf(options),
    policy: policyOf(deadline, options),
    taskQueue: options.taskQueue ?? `lockstep-${name}`,
    onOverdue: options.onOverdue ?? null,
  });
}

/** What is given as undefined is as if it were not given. */
function storesOf({ legacy = {}, modern = {} }: MigrationOptions): Record<StoreName, StoreOptions> {
  const given = (options: Partial<StoreOptions>) =>
    Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return {
    legacy: { ...defaultStores.legacy, ...given(legacy) },
    modern: { ...defaultStores.modern, ...given(modern) },
  };
}

const known = [
  'name',
  'entities',
  'deadline',
  'legacy',
  'modern',
  'taskQueue',
  'onOverdue',
  ...Object.keys(defaultSettings),
];

function formFaults(options: unknown): Fault[] {
  const faults = optionFaults('migration', options, known);
  if (!isObject(options)) return faults;
  const { name, entities, deadline }: Partial<Record<keyof MigrationOptions, unknown>> = options;
  const { legacy, modern, taskQueue, onOverdue }: Partial<Record<keyof MigrationOptions, unknown>> = options;
  const texts = Object.entries({ name, deadline });
  return [
    ...faults,
    ...texts.flatMap(([path, value]) =>
      unless(typeof value === 'string', `migration.${path}`, 'must be a text'),
    ),
    ...(Array.isArray(entities)
      ? entities.flatMap((one: unknown, at) =>
          unless(
            isObject(one) && 'faults' in one && 'shapes' in one,
            `migration.entities.${at}`,
            'is no entity; declare it with entity({ … })',
          ),
        )
      : [{ path: 'migration.entities', reason: 'must be a list of entities' }]),
    ...Object.entries({ legacy, modern }).flatMap(([store, given]) =>
      given === undefined ? [] : optionFaults(`migration.${store}`, given, Object.keys(defaultStores.legacy)),
    ),
    ...unless(
      taskQueue === undefined || (typeof taskQueue === 'string' && /^[^\s/][^\s]{0,199}$/.test(taskQueue)),
      'migration.taskQueue',
      'must be the name of a task queue, without blanks, at most 200 characters',
    ),
    ...unless(
      onOverdue === undefined || onOverdue === null || typeof onOverdue === 'function',
      'migration.onOverdue',
      'must be a function',
    ),
  ];
}

function migrationFaults(options: MigrationOptions): Fault[] {
  const { name, entities, deadline } = options;
  const faults = settingsFaults(options);
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name))
    faults.push({ path: 'name', reason: `"${name}" must match [a-z][a-z0-9-]*, at most 40 characters` });
  if (entities.length === 0)
    faults.push({ path: 'entities', reason: 'a migration moves at least one entity' });
  const names = entities.map((declared) => declared.name);
  for (const twice of new Set(names.filter((one, index) => names.indexOf(one) !== index)))
    faults.push({ path: 'entities', reason: `"${twice}" is declared twice` });
  if (instantOf(deadline) === null) {
    const reason = `"${deadline}" is not an ISO time with its offset, such as ${instantExample}`;
    faults.push({ path: 'deadline', reason });
  }
  const stores = storesOf(options);
  for (const [store, given] of Object.entries(stores)) {
    // A connection string in its place has a password, which a message would tell.
    if (typeof given.urlFrom !== 'string' || !/^[A-Za-z_]\w*$/.test(given.urlFrom))
      faults.push({
        path: `${store}.urlFrom`,
        reason: 'must be the name of the environment variable that holds the connection string',
      });
    for (const [option, least] of [
      ['poolSize', 1],
      ['connectTimeoutMs', 0],
      ['statementTimeoutMs', 0],
    ] as const) {
      const value: unknown = given[option];
      if (typeof value === 'number' && value >= least && Number.isFinite(value)) continue;
      faults.push({ path: `${store}.${option}`, reason: `${value} must be a number of at least ${least}` });
    }
  }
  if (stores.legacy.urlFrom === stores.modern.urlFrom)
    faults.push({
      path: 'modern.urlFrom',
      reason: `is ${stores.legacy.urlFrom}, as that of legacy; name another variable, with the other database`,
    });
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
