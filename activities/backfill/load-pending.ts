import type { Again, Chunk, LoadResult } from '../../databases/contract/backfill.ts';
import type { Store } from '../../databases/contract/store.ts';
import type { Fence } from '../../databases/contract/write.ts';
import type { Entity } from '../../model/entity.ts';
import type { Pages, PendingPage } from './copy-pages.ts';

/** Where a range stands before and after a page, and how it is to be loaded. */
export interface Step {
  readonly from: Chunk;
  readonly next: Pick<Chunk, 'cursor' | 'done'>;
  readonly checkExisting: boolean;
  readonly checkParents: boolean;
  readonly again?: Again | undefined;
}

/**
 * Loads a page with its checkpoint. Keys whose rows cannot come in with it are read again at the source first, while nothing
 * is locked at the target, and go through the write routine in the same transaction as the others.
 */
export async function loadPending(
  target: Pick<Store, 'loadPage'>,
  entity: Entity,
  pages: Pick<Pages, 'leftover'>,
  { page, notLoadable }: Pick<PendingPage, 'page' | 'notLoadable'>,
  step: Step,
  fence: Fence,
): Promise<Exclude<LoadResult, { status: 'rejected' }>> {
  const except = [...page.unusable()];
  for (;;) {
    const leftover = await pages.leftover([...except.map(page.keyAt), ...notLoadable]);
    const result = await target.loadPage(entity, { page, except, leftover, ...step }, fence);
    if (result.status !== 'rejected') return result;
    // Each time some more, until none is rejected: a page has an end.
    except.push(...result.positions);
  }
}
