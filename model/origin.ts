/** Shared by all copies of the package in a process, of whatever version. */
const mark = Symbol.for('lockstep.migration');
/** What this copy has made. */
const own = new WeakSet<object>();

/** Marks what `defineMigration` gives, so that it can be told from anything else, and from what another copy has made. */
export function markMigration<T extends object>(migration: T): T {
  own.add(migration);
  return Object.defineProperty(migration, mark, { value: true });
}

/** `own`: a migration made by this copy of the package. `foreign`: by another one. `none`: no migration. */
export function originOf(value: unknown): 'own' | 'foreign' | 'none' {
  if (typeof value !== 'object' || value === null || !(mark in value)) return 'none';
  return own.has(value) ? 'own' : 'foreign';
}
