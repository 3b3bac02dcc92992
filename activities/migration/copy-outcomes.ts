import { Context } from '@temporalio/activity';
import type { OutcomePage, RecordedOutcome } from '../../databases/contract/recorded-outcomes.ts';
import type { StoreName } from '../../model/failure.ts';
import { otherStore } from '../../model/phase.ts';
import type { ActivityContext } from '../context.ts';

const pageSize = 1_000;

/**
 * Makes known to the other store what the primary has decided of every operation, so that one sent again there has the same
 * outcome. Gives how many outcomes it took. Throws `Fenced` where the other store is under another epoch than this.
 */
export async function copyOutcomes(
  { migration, stores }: Pick<ActivityContext, 'migration' | 'stores'>,
  { primary, epoch }: { primary: StoreName; epoch: number },
): Promise<number> {
  const [from, to] = [stores[primary], stores[otherStore(primary)]];
  const { name, policy } = migration;
  let copied = 0;
  for (const table of ['operations', 'decisions'] as const) {
    let after: string | null = null;
    for (;;) {
      Context.current().cancellationSignal.throwIfAborted();
      const page: OutcomePage = { after, youngerThanMs: policy.journalRetentionMs, limit: pageSize };
      const outcomes: RecordedOutcome[] = await from.uncopiedOutcomes(table, name, page);
      const last = outcomes.at(-1);
      if (!last) break;
      const taken = await to.takeOutcomes(table, outcomes, { migration: name, epoch });
      await from.markCopied(
        table,
        outcomes.filter(({ id }) => taken.has(id)),
      );
      copied += taken.size;
      if (outcomes.length < pageSize) break;
      after = last.id;
    }
  }
  return copied;
}
