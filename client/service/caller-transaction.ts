import type { TouchParameter, TouchStatement } from '../../databases/contract/touch.ts';
import { LockstepError } from '../../model/failure.ts';

/** Runs one statement in the caller's transaction, with placeholders as the database has them (`$1`, or `?`), and gives what the driver or mapper gives. */
export type TransactionQuery = (sql: string, parameters: unknown[]) => Promise<unknown>;

/** A client of `pg`. */
export interface PgTransaction {
  query(query: { name: string; text: string; values: unknown[] }): Promise<unknown>;
  /** `T` within a transaction; absent in drivers that do not say. */
  getTransactionStatus?(): string | null;
}

/** A connection of `mysql2/promise`. */
export interface MysqlTransaction {
  execute(sql: string, values: (string | null)[]): Promise<unknown>;
}

/** A transaction that the caller has begun: a client of `pg`, a connection of `mysql2`, or whatever runs a statement in it. */
export type CallerTransaction =
  | PgTransaction
  | MysqlTransaction
  | { promise(): MysqlTransaction }
  | TransactionQuery;

/** A transaction as a touch uses it. */
export interface OpenTransaction {
  /** Null where only the statement's failure would tell. */
  readonly engine: 'postgresql' | 'mysql' | null;
  /** Null where only the database knows. */
  readonly isOpen: boolean | null;
  /** Whether what it gives tells an answer of no rows from one that was lost on the way. */
  readonly tellsNoRows: boolean;
  run(statement: TouchStatement): Promise<unknown>;
  probe(sql: string): Promise<void>;
}

/** Throws `InvalidTransaction` where nothing runs a statement in what was passed: types do not hold everybody. */
export function openTransaction(tx: CallerTransaction): OpenTransaction {
  if (typeof tx === 'function') {
    return {
      engine: null,
      isOpen: null,
      tellsNoRows: false,
      run: ({ sql, parameters }) => tx(sql, [...parameters]),
      probe: async (sql) => void (await tx(sql, [])),
    };
  }
  if (typeof tx !== 'object' || tx === null) throw runsNothing(tx);
  if ('promise' in tx && typeof tx.promise === 'function') return openTransaction(tx.promise());
  // A mapper's transaction may have members of these names that are something else.
  if ('query' in tx && typeof tx.query !== 'function') throw runsNothing(tx);
  if ('execute' in tx && typeof tx.execute === 'function') {
    return {
      engine: 'mysql',
      isOpen: null,
      tellsNoRows: true,
      run: ({ sql, parameters }) => tx.execute(sql, parameters.filter(isSingle)),
      probe: async (sql) => void (await tx.execute(sql, [])),
    };
  }
  if (!('query' in tx)) throw runsNothing(tx);
  const status = tx.getTransactionStatus?.() ?? null;
  return {
    engine: 'postgresql',
    isOpen: status === null ? null : status !== 'I',
    tellsNoRows: false,
    run: ({ name, sql, parameters }) => tx.query({ name, text: sql, values: [...parameters] }),
    probe: async (sql) => void (await tx.query({ name: sql, text: sql, values: [] })),
  };
}

function runsNothing(given: unknown): LockstepError {
  const kind = typeof given === 'object' ? (given?.constructor?.name ?? String(given)) : typeof given;
  return new LockstepError(
    'InvalidTransaction',
    `what was passed as the transaction (${kind}) runs no statement; pass a client of pg, a connection of mysql2, or a function ` +
      '(sql, parameters) => result',
  );
}

/** MySQL's statements have no lists. */
function isSingle(parameter: TouchParameter): parameter is string | null {
  return typeof parameter === 'string' || parameter === null;
}
