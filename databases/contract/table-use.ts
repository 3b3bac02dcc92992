/** What the database itself knows of the use of a table. Names and counts only. */
export interface TableUse {
  /** With its schema or database. */
  readonly table: string;
  /** Since the server began to count; null where it does not. PostgreSQL counts scans, MariaDB and MySQL rows. */
  readonly reads: number | null;
  readonly writes: number | null;
  /** Sessions other than Lockstep's whose last or running statement names the table; null where they cannot be seen. */
  readonly sessions: number | null;
  readonly dependents: readonly Dependent[];
}

/** Something in the database that refers to a table. */
export interface Dependent {
  readonly kind: 'view' | 'foreign key' | 'trigger' | 'routine' | 'event';
  readonly name: string;
}
