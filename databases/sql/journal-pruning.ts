import { placeholders, type StoreContext } from './context.ts';

/**
 * Takes finished entries out of the journal, and records of decided transactions, in small steps. The statuses are
 * written out so that the index on them is used; `discarded` is not among them, because such an entry is the reason why
 * the stores differ.
 */
export function createJournalPruning(context: StoreContext) {
  const finished = "status IN ('completed', 'failed', 'aborted', 'compensated')";

  async function prune(
    migration: string,
    { olderThanMs, limit }: { olderThanMs: number; limit: number },
  ): Promise<number> {
    const table = context.control('operations');
    const { ago } = context.engine.dialect;
    const old = `${finished} AND created_at < ${ago(olderThanMs)} AND updated_at < ${ago(olderThanMs)}`;
    const rows = await context.query(
      `SELECT id FROM ${table} WHERE migration = ? AND ${old} LIMIT ${Math.floor(limit)}`,
      [migration],
    );
    if (rows.length === 0) return 0;
    const ids = rows.map((row) => row.id ?? '');
    // Looked at again: between the two statements an entry may have been compensated.
    await context.query(`DELETE FROM ${table} WHERE id IN (${placeholders(ids)}) AND ${old}`, ids);
    return ids.length;
  }

  /** Decided ones only: what is undecided has no time of a decision. That they are said by name is for the index. */
  async function pruneDecisions(
    migration: string,
    { olderThanMs, limit, except }: { olderThanMs: number; limit: number; except: readonly string[] },
  ): Promise<number> {
    const table = context.control('decisions');
    const { ago } = context.engine.dialect;
    const over = `decision IN ('commit', 'abort') AND began_at < ${ago(olderThanMs)} AND decided_at < ${ago(olderThanMs)}`;
    const others = except.length > 0 ? ` AND id NOT IN (${placeholders(except)})` : '';
    const rows = await context.query(
      `SELECT id FROM ${table} WHERE migration = ? AND ${over}${others} LIMIT ${Math.floor(limit)}`,
      [migration, ...except],
    );
    if (rows.length === 0) return 0;
    const ids = rows.map((row) => row.id ?? '');
    await context.query(
      `DELETE FROM ${table} WHERE migration = ? AND id IN (${placeholders(ids)}) AND ${over}`,
      [migration, ...ids],
    );
    return ids.length;
  }

  return { prune, pruneDecisions };
}
