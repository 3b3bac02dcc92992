import type { MetricMeter } from '@temporalio/common';
import type { Store } from '../databases/store.ts';
import type { StoreName } from '../model/failure.ts';
import type { Migration } from '../model/migration.ts';
import type { HybridClock } from '../model/version.ts';

/** What activities work with. Entry points build it; nothing here connects. */
export interface ActivityContext {
  readonly migration: Migration;
  readonly stores: Readonly<Record<StoreName, Store>>;
  readonly clock: HybridClock;
  readonly wait: (ms: number) => Promise<void>;
  /** Where the write path is measured; absent, nothing is. */
  readonly meter?: MetricMeter;
  readonly log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}
