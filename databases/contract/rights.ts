import type { Role, TriedRole } from '../../model/account-role.ts';

export type Verb = 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE';

export interface TableRights {
  /** With its schema or database where it has one. */
  readonly table: string;
  readonly verbs: readonly Verb[];
}

/** What a role does in a store, whatever its engine. */
export interface RoleRights {
  readonly tables: readonly TableRights[];
  /** Calls the routines that `prepare` makes, and writes by them. */
  readonly executes: boolean;
  /** Reads by routines where the engine has such, and sees whether they are those of the definition. */
  readonly readsByRoutines: boolean;
  /** Makes control tables and routines. */
  readonly creates: boolean;
  /** Makes triggers on these tables (`prepare --capture`). */
  readonly triggersOn: readonly string[];
  /** Loads pages of rows by a temporary table, and sets the counters of these tables. */
  readonly loads: readonly string[];
  /** Renames and drops these tables, and what they are called in between. */
  readonly retires: readonly { readonly table: string; readonly renamed: string }[];
  /** Ends transactions over both stores that another connection has prepared. */
  readonly endsPrepared: boolean;
}

export interface Rights {
  /**
   * The statements that give an account what its role needs in this store, and nothing more. Those of all but `prepare` are for a store
   * that is prepared.
   *
   * @param account its name; in MySQL/MariaDB with its host behind an `@`, or of any host
   */
  grants(role: Role, account: string): Promise<readonly string[]>;
  /** What the account of this connection lacks: each right is tried, in a transaction that is rolled back. Such as `INSERT on lockstep.records`. */
  missingRights(role: TriedRole): Promise<readonly string[]>;
}
