import type { Entity } from '../../model/entity.ts';
import type { Postponement } from '../contract/backfill.ts';
import type { Fence } from '../contract/write.ts';
import type { StoreContext } from '../sql/context.ts';
import { throughDeadlocks } from '../sql/deadlocks.ts';
import { holdFence } from '../sql/fence.ts';
import { checkpointUnchanged, moveCheckpoint } from './checkpoint.ts';
import { putWaiting } from './waiting.ts';

const none = { copied: 0, skipped: 0, refused: 0, bytes: 0 };

/** Pages that are left for later: their keys wait without their rows having been read. */
export function createPostponements(context: StoreContext) {
  /** False where somebody else has moved the range on. */
  async function postponePage(
    entity: Entity,
    { from, next, keys }: Postponement,
    fence: Fence,
  ): Promise<boolean> {
    const bound = await context.bind(entity);
    return await context.translateErrors(() =>
      throughDeadlocks(context.engine, () =>
        context.engine.transaction(async (session) => {
          await holdFence(context, session, fence, 'secondary', [bound]);
          if (!(await checkpointUnchanged(context, session, fence.migration, from))) return false;
          await moveCheckpoint(context, session, fence.migration, from, { ...next, ...none });
          const bounds = { lower: from.cursor ?? from.lower, upper: next.cursor };
          await putWaiting(context, session, fence.migration, from, bounds, { waiting: keys, refused: 0 });
          return true;
        }),
      ),
    );
  }

  return { postponePage };
}
