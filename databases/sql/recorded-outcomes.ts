import { LockstepError } from '../../model/failure.ts';
import type {
  OutcomePage,
  OutcomeTable,
  RecordedOutcome,
  RecordedOutcomes,
} from '../contract/recorded-outcomes.ts';
import type { Fence } from '../contract/write.ts';
import type { Parameter } from '../engine/session.ts';
import { placeholders, type StoreContext } from './context.ts';
import { throughDeadlocks } from './deadlocks.ts';

/** What is passed on of a table, beside the id. */
interface CopiedTable {
  readonly key: readonly string[];
  readonly columns: readonly string[];
  /** The first says how old the outcome is. */
  readonly times: readonly string[];
  /** Says which outcome it is: once it has changed, it is passed on again. */
  readonly verdict: string;
  readonly finished: string;
  /** What may be replaced by the primary's outcome. */
  readonly replaceable: string;
  /** What may be replaced in a store that was set back. */
  readonly stale: Readonly<Record<'primary' | 'secondary', string>>;
}

const tables: Readonly<Record<OutcomeTable, CopiedTable>> = {
  operations: {
    key: ['id'],
    columns: [
      'entity',
      'record_key',
      'kind',
      'status',
      'version',
      'epoch',
      'reason',
      'failure',
      'refusal',
      'attempts',
    ],
    times: ['updated_at', 'created_at'],
    verdict: 'status',
    finished: "status IN ('completed', 'failed', 'aborted', 'compensated', 'discarded')",
    replaceable: "status NOT IN ('pending', 'parked', 'tentative')",
    stale: {
      primary: "status = 'tentative'",
      // What it has taken since, or could not undo, is still to be settled. It has no version.
      secondary: 'version IS NOT NULL',
    },
  },
  decisions: {
    key: ['migration', 'id'],
    columns: ['operation', 'entity', 'record_key', 'attempt', 'decision', 'versions', 'code', 'reason'],
    times: ['decided_at', 'began_at'],
    verdict: 'decision',
    finished: 'decision IS NOT NULL',
    // An undecided record of a store that is not the primary any more can never be decided to commit.
    replaceable: '1 = 1',
    stale: { primary: 'decision IS NULL', secondary: '1 = 1' },
  },
};

export function createRecordedOutcomes(context: StoreContext): RecordedOutcomes {
  const { ago, insertNew, millisecondsOf, now } = context.engine.dialect;

  async function recordedOutcomes(
    table: OutcomeTable,
    migration: string,
    { which, after, youngerThanMs, limit }: OutcomePage,
  ): Promise<RecordedOutcome[]> {
    const { columns, times, finished } = tables[table];
    const ages = times.map((time) => `${millisecondsOf(now)} - ${millisecondsOf(time)} AS ${time}`);
    const rows = await context.query(
      `SELECT id, migration, ${[...columns, ...ages].join(', ')} FROM ${context.control(table)}
       WHERE migration = ?${which === 'uncopied' ? ' AND copied IS NULL' : ''} AND ${finished} AND ${times[0]} > ${ago(youngerThanMs)}${after === null ? '' : ' AND id > ?'}
       ORDER BY id LIMIT ${Math.floor(limit)}`,
      after === null ? [migration] : [migration, after],
    );
    return rows.map((row) => ({ ...row, id: row.id ?? '' }));
  }

  function takeOutcomes(
    table: OutcomeTable,
    outcomes: readonly RecordedOutcome[],
    fence: Fence,
    given: { restored?: boolean } = {},
  ): Promise<ReadonlySet<string>> {
    return throughDeadlocks(context.engine, () => takeOnce(table, outcomes, fence, given));
  }

  async function takeOnce(
    table: OutcomeTable,
    outcomes: readonly RecordedOutcome[],
    { migration, epoch }: Fence,
    { restored = false }: { restored?: boolean },
  ): Promise<ReadonlySet<string>> {
    const { key, columns, times, replaceable, stale } = tables[table];
    const name = context.control(table);
    const ids = outcomes.map(({ id }) => id);
    const own = `migration = ? AND id IN (${placeholders(ids)})`;
    const all = ['id', 'migration', ...columns];
    const rows = outcomes.map((outcome) => {
      const since = times.map((time) => ago(Math.max(0, Number(outcome[time] ?? 0))));
      return `(${[...all.map(() => '?'), ...since, "'from'"].join(', ')})`;
    });
    const values = outcomes.flatMap((outcome) => all.map((column): Parameter => outcome[column] ?? null));
    return await context.transaction(async (session) => {
      const state = await context.engine.shareFence(
        session,
        migration,
        (name) => `SELECT epoch, primary_store FROM ${context.control('state')} WHERE migration = ${name}`,
      );
      if (Number(state?.epoch) !== epoch) {
        throw new LockstepError(
          'Fenced',
          `the ${context.name} store takes no outcomes of ${migration} from epoch ${epoch}`,
          { store: context.name },
        );
      }
      const role = state?.primary_store === context.name ? 'primary' : 'secondary';
      const replaced = restored ? stale[role] : replaceable;
      await session.query(`DELETE FROM ${name} WHERE ${own} AND ${replaced}`, [migration, ...ids]);
      await session.query(insertNew(name, [...all, ...times, 'copied'], key, rows), values);
      const taken = await session.query(`SELECT id FROM ${name} WHERE ${own} AND copied = 'from'`, [
        migration,
        ...ids,
      ]);
      return new Set(taken.map(({ id }) => id ?? ''));
    });
  }

  async function markCopied(table: OutcomeTable, outcomes: readonly RecordedOutcome[]): Promise<void> {
    const { verdict } = tables[table];
    for (const [found, same] of Map.groupBy(outcomes, (outcome) => outcome[verdict] ?? '')) {
      await context.query(
        `UPDATE ${context.control(table)} SET copied = 'to' WHERE id IN (${placeholders(same)}) AND migration = ? AND ${verdict} = ?`,
        [...same.map(({ id }) => id), same[0]?.migration ?? '', found],
      );
    }
  }

  return { recordedOutcomes, takeOutcomes, markCopied };
}
