import type { Role, TriedRole } from '../../model/account-role.ts';
import type { BoundEntity } from '../columns/bound.ts';
import type { CatalogueTable } from '../columns/column.ts';
import type { Rights, RoleRights, TableRights, Verb } from '../contract/rights.ts';
import { rolledBack } from '../engine/rolled-back.ts';
import type { RoutineItem } from '../engine/routine-item.ts';
import type { Parameter } from '../engine/session.ts';
import { allTables, ownedTables, type StoreContext } from './context.ts';
import { type ControlTable, controlTables } from './control-tables.ts';
import { beside, retiredName } from './retirement.ts';

const all: readonly Verb[] = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];
const look: readonly Verb[] = ['SELECT'];

/** What `prepare` writes. Triggers run as its account. */
const prepared: Partial<Record<ControlTable, readonly Verb[]>> = {
  migrations: ['SELECT', 'INSERT', 'UPDATE'],
  definitions: all,
  captured: ['SELECT', 'INSERT'],
};

/** What a service tells of itself, whatever its writes enter by. */
const reported: readonly ControlTable[] = ['read_counts', 'sightings'];
/** What a write by the journal, or a touch, leaves. */
const written: readonly ControlTable[] = ['records', 'operations'];

/** About no record: where it is called, its epoch is one that no route has. */
const noItem: RoutineItem = {
  mode: 'secondary',
  kind: 'delete',
  operationId: null,
  key: '',
  parts: [],
  version: '0',
  expected: null,
  readVersion: null,
  status: 'completed',
  digest: null,
  before: null,
  shared: [],
  rows: null,
};

export function createRights(context: StoreContext): Rights {
  const { engine, migration } = context;

  function controls(verbsOf: (table: ControlTable) => readonly Verb[]): TableRights[] {
    return controlTables.map((table) => ({ table: context.control(table), verbs: verbsOf(table) }));
  }

  const furtherOf = (verbs: readonly Verb[]) =>
    engine.dialect.furtherControlTables.map((table) => ({ table, verbs }));

  /** By the declaration alone: an account that lacks rights may not see the tables. */
  function rightsOf(role: Role): RoleRights {
    const { entities } = migration;
    const unique = (names: readonly string[]) => [...new Set(names)];
    const tables = unique(entities.flatMap((entity) => allTables(entity, context.name)));
    const owned = unique(entities.flatMap((entity) => ownedTables(entity, context.name)));
    const journaled = new Set(
      entities
        .filter(({ entry }) => entry === 'journal')
        .flatMap((entity) => allTables(entity, context.name)),
    );
    const each = (verbs: readonly Verb[]) => tables.map((table) => ({ table, verbs }));
    const none = {
      executes: false,
      readsByRoutines: false,
      creates: false,
      triggersOn: [],
      loads: [],
      retires: [],
      endsPrepared: false,
    };
    switch (role) {
      case 'prepare':
        return {
          ...none,
          tables: [...each(look), ...controls((table) => prepared[table] ?? look), ...furtherOf(look)],
          creates: true,
          triggersOn: owned,
        };
      case 'worker':
        return {
          ...none,
          tables: [
            ...each(all),
            ...controls((table) => (table === 'migrations' ? look : all)),
            ...furtherOf(all),
          ],
          executes: true,
          loads: owned,
          endsPrepared: migration.entities.some(({ pattern }) => pattern === 'transactional'),
        };
      case 'service': {
        const writes = journaled.size > 0 ? [...reported, ...written] : reported;
        const verbsOf = (table: string) => (journaled.has(table) ? all : look);
        return {
          ...none,
          tables: [
            ...tables.map((table) => ({ table, verbs: verbsOf(table) })),
            ...controls((table) => (writes.includes(table) ? all : look)),
          ],
          executes: journaled.size > 0,
          readsByRoutines: true,
        };
      }
      case 'touch':
        return {
          ...none,
          tables: [
            ...each(look),
            { table: context.control('state'), verbs: look },
            ...written.map((table) => ({
              table: context.control(table),
              verbs: ['SELECT', 'INSERT', 'UPDATE'] as const,
            })),
          ],
          executes: true,
        };
      case 'reader':
        return { ...none, tables: [...each(look), ...controls(() => look)], readsByRoutines: true };
      case 'decommission':
        return {
          ...none,
          tables: [],
          retires:
            context.name === 'legacy'
              ? owned.map((table) => ({ table, renamed: beside(table, retiredName(migration.name, table)) }))
              : [],
        };
    }
  }

  async function grants(role: Role, account: string): Promise<readonly string[]> {
    return await context.translateErrors(async () => engine.grants(rightsOf(role), account));
  }

  async function missingRights(role: TriedRole): Promise<readonly string[]> {
    const rights = rightsOf(role);
    const missing: string[] = [];
    for (const { table, verbs } of rights.tables) missing.push(...(await missingOn(table, verbs)));
    missing.push(...(await engine.missingFurther(rights, isAllowed)));
    // Without its tables no entity can be bound, nor its routine called.
    if (missing.length > 0 || !(rights.executes || rights.readsByRoutines)) return missing;
    for (const entity of migration.entities) {
      const bound = await context.bind(entity);
      if (!(await isAllowed(() => callAs(role, rights, bound)))) missing.push(`EXECUTE for ${entity.name}`);
    }
    return missing;
  }

  async function missingOn(table: string, verbs: readonly Verb[]): Promise<string[]> {
    let found: CatalogueTable | null = null;
    const isSeen = await isAllowed(async () => {
      found = await engine.catalogue(table);
    });
    const lacksAll = [`any right on ${table}, or on its schema`];
    if (!isSeen) return lacksAll;
    // One that is not there is no matter of rights.
    if (found === null) return (await isAllowed(() => engine.query(presence(table)))) ? [] : lacksAll;
    const lacks = [];
    for (const verb of verbs) {
      if (await isAllowed(() => rolledBack(engine, ({ query }) => query(trial(table, found, verb)))))
        continue;
      const isHidden = await engine.hidesRows(table);
      lacks.push(isHidden ? `BYPASSRLS, because policies hide rows of ${table}` : `${verb} on ${table}`);
      // The others read what they change.
      if (verb === 'SELECT') break;
    }
    return lacks;
  }

  /** Who has no right on a table is refused by it in MySQL and MariaDB, whether it is there or not. */
  const presence = (table: string) => `SELECT 1 AS one FROM ${engine.dialect.table(table)} WHERE 1 = 0`;

  /** Touches no row, and asks for the right on every column. */
  function trial(name: string, found: CatalogueTable | null, verb: Verb): string {
    const { dialect } = engine;
    const table = dialect.table(name);
    const columns = (found?.columns ?? []).filter(({ generated }) => !generated);
    const names = columns.map((column) => dialect.column(column.name));
    switch (verb) {
      case 'SELECT':
        return `SELECT ${names.join(', ')} FROM ${table} WHERE 1 = 0`;
      case 'INSERT':
        return `INSERT INTO ${table} (${names.join(', ')}) ${dialect.overriding}SELECT ${names.join(', ')} FROM ${table} WHERE 1 = 0`;
      case 'UPDATE': {
        const set = columns
          .filter(({ limits }) => !limits.inserted)
          .map((column) => dialect.column(column.name));
        return `UPDATE ${table} SET ${set.map((column) => `${column} = ${column}`).join(', ')} WHERE 1 = 0`;
      }
      case 'DELETE':
        return `DELETE FROM ${table} WHERE 1 = 0`;
    }
  }

  async function callAs(role: TriedRole, { executes }: RoleRights, bound: BoundEntity): Promise<void> {
    if (role === 'touch') await touch(bound);
    else if (executes) await write(bound);
    else await engine.readRows(bound, []);
  }

  /** Under an epoch that no route has: it is fenced out before anything is written. */
  async function write(bound: BoundEntity): Promise<void> {
    const request = { fence: { migration: migration.name, epoch: -1 }, item: noItem, locks: null };
    await engine.callWrite(null, bound, request);
  }

  /** For a migration that no store knows: it is refused before anything is written. */
  async function touch(bound: BoundEntity): Promise<void> {
    const { sql, parameters } = engine.touchStatement(bound, {
      keys: [bound.root.key.map(() => '0')],
      version: '0',
      id: 'trial',
      fence: { migration: '', epoch: 0 },
      mayBeSilent: false,
    });
    await rolledBack(engine, ({ query }) => query(sql, parameters as readonly Parameter[]));
  }

  /** Another fault says nothing of rights; other checks find it. */
  async function isAllowed(attempt: () => Promise<unknown>): Promise<boolean> {
    try {
      await attempt();
      return true;
    } catch (error) {
      return context.failureOf(error).about !== 'grants';
    }
  }

  return { grants, missingRights };
}
