import { Context } from '@temporalio/activity';
import {
  type OutcomeTable,
  outcomeTables,
  type RecordedOutcome,
} from '../../databases/contract/recorded-outcomes.ts';
import type { Store } from '../../databases/contract/store.ts';
import type { StoreName } from '../../model/failure.ts';
import { otherStore } from '../../model/phase.ts';
import type { ActivityContext } from '../context.ts';

const pageSize = 1_000;
type Copying = Pick<ActivityContext, 'migration' | 'stores'>;

/**
 * Makes known to the other store what the primary has decided of every operation, so that one sent again there has the same
 * outcome. Gives how many outcomes it took. Throws `Fenced` where the other store is under another epoch than this.
 */
export async function copyOutcomes(
  context: Copying,
  { primary, epoch }: { primary: StoreName; epoch: number },
): Promise<number> {
  const { migration, stores } = context;
  const [from, to] = [stores[primary], stores[otherStore(primary)]];
  let copied = 0;
  for await (const { table, outcomes } of outcomePages(context, from, 'uncopied')) {
    const taken = await to.takeOutcomes(table, outcomes, { migration: migration.name, epoch });
    await from.markCopied(
      table,
      outcomes.filter(({ id }) => taken.has(id)),
    );
    copied += taken.size;
  }
  return copied;
}

/**
 * Gives a store that was set back the outcomes that the other one knows: its journal is as old as its rows were. What both have
 * stands as the primary has it. What is open in the restored journal alone is over by now, since the stores are equal again.
 */
export async function bringOutcomesBack(
  context: Copying,
  { store, primary, epoch }: { store: StoreName; primary: StoreName; epoch: number },
): Promise<void> {
  const { migration, stores } = context;
  const restored = stores[store];
  const fence = { migration: migration.name, epoch };
  for await (const { table, outcomes } of outcomePages(context, stores[otherStore(store)], 'all'))
    await restored.takeOutcomes(table, outcomes, fence, { restored: true });
  const stale = store === primary ? 'tentative' : 'pending';
  for (;;) {
    Context.current().cancellationSignal.throwIfAborted();
    const filter = { migration: migration.name, statuses: [stale], limit: pageSize } as const;
    const ids = (await restored.journal(filter)).map(({ id }) => id);
    if (ids.length === 0) return;
    if (stale === 'pending') await restored.setOperationStatus(ids, 'completed');
    else for (const id of ids) await restored.forgetTentative(id);
  }
}

async function* outcomePages(
  { migration }: Copying,
  from: Store,
  which: 'uncopied' | 'all',
): AsyncGenerator<{ table: OutcomeTable; outcomes: readonly RecordedOutcome[] }> {
  const { name, policy } = migration;
  for (const table of outcomeTables) {
    let after: string | null = null;
    for (;;) {
      Context.current().cancellationSignal.throwIfAborted();
      const outcomes: RecordedOutcome[] = await from.recordedOutcomes(table, name, {
        which,
        after,
        youngerThanMs: policy.journalRetentionMs,
        limit: pageSize,
      });
      const last = outcomes.at(-1);
      if (!last) break;
      yield { table, outcomes };
      if (outcomes.length < pageSize) break;
      after = last.id;
    }
  }
}
