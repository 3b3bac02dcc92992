import type { CopyGuard } from '../../databases/backfill/copy-guard.ts';
import { pageLoads } from '../../databases/backfill/load-page.ts';
import type { Store } from '../../databases/contract/store.ts';
import { openEngine } from '../../databases/open.ts';
import { StoreContext } from '../../databases/sql/context.ts';
import { createGuardedWrites } from '../../databases/sql/guarded-write.ts';
import type { Migration } from '../../model/migration.ts';

/** The bulk load of the modern store with its guard taken out: what a test must be able to catch. */
export function withoutGuard(
  url: string,
  migration: Migration,
): { loadPage: Store['loadPage']; close(): Promise<void> } {
  const engine = openEngine(migration, 'modern', { [migration.stores.modern.urlFrom]: url });
  const context = new StoreContext('modern', engine, migration);
  const nothing: CopyGuard = {
    before: async (_session, _page, positions) => positions,
    after: async () => [],
  };
  const { loadPage } = pageLoads(context, createGuardedWrites(context), () => nothing);
  return { loadPage, close: () => engine.close() };
}
