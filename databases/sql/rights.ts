import type { Role, TriedRole } from '../../model/account-role.ts';
import type { BoundEntity } from '../columns/bound.ts';
import type { CatalogueTable } from '../columns/column.ts';
import type { Rights, RoleRights, TableRights, Verb } from '../contract/rights.ts';
import type { RoutineItem } from '../engine/routine-item.ts';
import { RollBack } from '../engine/session.ts';
import type { StoreContext } from './context.ts';
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

  async function bound(): Promise<BoundEntity[]> {
    return await Promise.all(migration.entities.map((entity) => context.bind(entity)));
  }

  function controls(verbsOf: (table: ControlTable) => readonly Verb[]): TableRights[] {
    return controlTables.map((table) => ({ table: context.control(table), verbs: verbsOf(table) }));
  }

  const furtherOf = (verbs: readonly Verb[]) =>
    engine.dialect.furtherControlTables.map((table) => ({ table, verbs }));

  async function rightsOf(role: Role): Promise<RoleRights> {
    const entities = await bound();
    const tables = [...new Set(entities.flatMap((entity) => entity.tables.map(({ name }) => name)))];
    const owned = [...new Set(entities.flatMap((entity) => entity.owned.map(({ name }) => name)))];
    const journaled = new Set(
      entities
        .filter(({ entity }) => entity.entry === 'journal')
        .flatMap((entity) => entity.tables.map(({ name }) => name)),
    );
    const each = (verbs: readonly Verb[]) => tables.map((table) => ({ table, verbs }));
    const none = {
      executes: false,
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
        return { ...none, tables: [...each(look), ...controls(() => look)] };
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
    return await context.translateErrors(async () => engine.grants(await rightsOf(role), account));
  }

  async function missingRights(role: TriedRole): Promise<readonly string[]> {
    const rights = await rightsOf(role);
    const missing: string[] = [];
    for (const { table, verbs } of rights.tables) missing.push(...(await missingOn(table, verbs)));
    if (missing.length > 0 || !rights.executes) return missing;
    for (const entity of await bound())
      if (!(await calls(entity))) missing.push(`EXECUTE for ${entity.entity.name}`);
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
      if (await isAllowed(() => rolledBack(trial(table, found, verb)))) continue;
      lacks.push(`${verb} on ${table}`);
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

  /** Under an epoch that no route has: it is fenced out before anything is written. */
  function calls(entity: BoundEntity): Promise<boolean> {
    const request = { fence: { migration: migration.name, epoch: -1 }, item: noItem, locks: null };
    return isAllowed(() => engine.callWrite(null, entity, request));
  }

  async function rolledBack(sql: string): Promise<void> {
    try {
      await engine.transaction(async (session) => {
        await session.query(sql);
        throw new RollBack();
      });
    } catch (error) {
      if (!(error instanceof RollBack)) throw error;
    }
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
