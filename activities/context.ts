import type { MetricMeter } from '@temporalio/common';
import type { OpenMigration } from '../databases/contract/current-state.ts';
import type { SetBackGuard } from '../databases/deciding/set-back-guard.ts';
import type { HybridClock } from '../model/version.ts';

/** What activities work with. Entry points build it; nothing here connects. */
export interface ActivityContext extends OpenMigration {
  readonly clock: HybridClock;
  readonly wait: (ms: number) => Promise<void>;
  /** Ends the migration's schedules in Temporal, and gives their ids. */
  readonly removeSchedules: () => Promise<readonly string[]>;
  /** Keeps writes out of a primary that was set back; absent, one of its own is made. */
  readonly setBackGuard?: SetBackGuard;
  /** Where the write path is measured; absent, nothing is. */
  readonly meter?: MetricMeter;
  readonly log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}
